"""Clients found by any word, shown in columns of one's choice, and changed many at once."""

import html
import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache

from tests.builders import counts, make_client, make_clients, make_running
from tests.dashboard.visiting import make_user, visitor
from vestnik.audience.models import Client, SavedAudience, StopListEntry
from vestnik.dashboard.audience_builder.suggestions import CACHE_KEY
from vestnik.dashboard.clients import bulk
from vestnik.dashboard.templatetags.vestnik import phone

pytestmark = pytest.mark.django_db
IVAN, PETR = "79261234567", "79031234568"
SHOWN = {IVAN: "7\u00a0926\u00a0123-45-67", PETR: "7\u00a0903\u00a0123-45-68"}


@pytest.fixture(autouse=True)
def _nothing_suggested_before() -> None:
    """Names of attributes are remembered for a minute."""
    cache.delete(CACHE_KEY)


def opened(role: str = "admin") -> Any:
    return visitor(make_user(role, role))


def text(answered: Any) -> str:
    return str(answered.content.decode())


def two_clients() -> None:
    make_client(
        IVAN,
        tag="VIP",
        attributes={
            "имя": "Иван Петров",
            "город": "Москва",
            "счёт": 4512,
            "до": "2026-03-31",
            "договор": "98-76/5",
        },
    )
    make_client(
        PETR,
        attributes={
            "имя": 'Пётр "П" Иванов',
            "город": ["Уфа", "Казань"],
            "x": None,
            "код": "007",
            "долг": 4512.29,
        },
    )


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("иван", [IVAN, PETR]),
        ("ИВАН москва", [IVAN]),
        ("казань", [PETR]),
        ("vip", [IVAN]),
        ("4512", [IVAN]),
        ("926 123 45", [IVAN]),
        ("8 903 123", [PETR]),
        ('"П"', [PETR]),
        ("имя", []),
        ("иван%", []),
        (".*", []),
        ("2026-03-31", [IVAN]),
        ("98-76/5", [IVAN]),
        ("4512,29", [PETR]),
        ("007", [PETR]),
        ("иван 007", [PETR]),
        ("00.50 иван", []),
        ("\\", []),
        ("уфа 9", []),
    ],
)
def test_clients_are_found_by_words_in_any_case(written: str, found: list[str]) -> None:
    two_clients()

    page = text(opened().get("/clients/", {"q": written}))

    assert [number for number in (IVAN, PETR) if SHOWN[number] in page] == found


@pytest.mark.parametrize(
    ("written", "offered"),
    [("8 926 000-00-00", "79260000000"), ("калининград", ""), ("12345678901", ""), ("926", "")],
)
def test_a_number_that_is_not_found_may_be_added(written: str, offered: str) -> None:
    page = text(opened().get("/clients/", {"q": written}))

    assert re.findall(r"/clients/add/\?number=([^\"]*)", page) == ([offered] if offered else [])


def test_a_count_is_exact_right_after_a_file_came_in() -> None:
    make_clients(12_000)
    assert "12,000 clients" in text(opened().get("/clients/"))


def test_attributes_are_labelled_and_have_columns_of_ones_choice() -> None:
    two_clients()
    browser = opened()
    assert "город: Москва" in text(browser.get("/clients/"))

    first = text(browser.get("/clients/", {"columns": "1", "column": ["город", "no such"]}))
    again = text(browser.get("/clients/"))

    for page in (first, again):
        assert '<th scope="col"><bdi>город</bdi></th>' in page
        assert "<bdi>Москва</bdi>" in page
        assert "город: " not in page
    assert "<bdi>город</bdi></th>" not in text(browser.get("/clients/", {"columns": "1"}))


def ask(browser: Any, does: str, **fields: Any) -> Any:
    return browser.get("/clients/bulk/", {"does": does, **fields})


def proof_in(answer: Any) -> str:
    found = re.search(r'name="shown" value="([^"]+)"', text(answer))
    assert found, text(answer)
    return html.unescape(found[1])


def agree(browser: Any, does: str, fields: dict[str, Any], **answers: str) -> Any:
    """Look at the question, and answer it."""
    shown = proof_in(ask(browser, does, **fields))
    return browser.post("/clients/bulk/", {"does": does, **fields, "shown": shown, **answers})


def test_the_question_names_the_number_and_the_first_and_changes_nothing() -> None:
    make_clients(7)
    first = Client.objects.order_by("phone_number")[0]

    page = text(ask(opened(), "delete", all="1"))

    assert "Delete 7 clients?" in page
    assert phone(first.phone_number) in page
    assert "and 2 more" in page
    assert Client.objects.count() == 7


def test_the_question_says_what_was_searched_for() -> None:
    two_clients()
    page = text(ask(opened(), "tag", all="1", q="8 926 123", tag="vip"))
    assert "<bdi>8 926 123</bdi>" in page
    assert "<bdi>vip</bdi>" in page


def test_all_that_is_found_is_tagged() -> None:
    two_clients()

    answer = agree(opened(), "tag", {"all": "1", "q": "москва"}, new_tag="moscow")

    assert answer.status_code == 302
    tags = dict(Client.objects.values_list("phone_number", "tag"))
    assert tags == {IVAN: "moscow", PETR: ""}


def test_those_that_are_ticked_are_stopped_and_what_waits_is_taken_back() -> None:
    mailing = make_running(clients=5)
    ids = list(Client.objects.order_by("id").values_list("id", flat=True)[:3])

    agree(opened(), "stop", {"id": ids}, reason="asked")

    assert StopListEntry.objects.count() == 3
    assert counts(mailing) == {"queued": 2, "suppressed": 3}


def test_deletion_wants_the_number_typed_and_cancels_what_waits() -> None:
    mailing = make_running(clients=5)
    ids = list(Client.objects.order_by("id").values_list("id", flat=True)[:3])
    browser = opened()

    refused = agree(browser, "delete", {"id": ids}, typed="2")
    assert refused.status_code == 422
    assert Client.objects.count() == 5

    agree(browser, "delete", {"id": ids}, typed="3")
    assert Client.objects.count() == 2
    assert counts(mailing) == {"cancelled": 3, "queued": 2}


def one_more() -> None:
    make_client(PETR, tag="x")


def another_one() -> None:
    """As many as before, and one of them somebody else."""
    Client.objects.order_by("-id")[0].delete()
    one_more()


def one_less() -> None:
    Client.objects.order_by("id")[0].delete()


@pytest.mark.parametrize("change", [one_more, another_one, one_less])
@pytest.mark.parametrize("does", ["tag", "stop", "delete"])
def test_where_others_fit_by_then_nothing_is_done_and_it_is_asked_again(
    does: str, change: Callable[[], None]
) -> None:
    make_clients(3)
    Client.objects.update(tag="x")
    browser, fields = opened(), {"does": does, "all": "1", "tag": "x"}
    shown = proof_in(browser.get("/clients/bulk/", fields))
    change()
    sent, by_now = {**fields, "new_tag": "y"}, Client.objects.count()

    refused = browser.post("/clients/bulk/", {**sent, "shown": shown, "typed": f"{by_now}"})
    assert refused.status_code == 422
    assert "The matching clients have changed" in text(refused)
    assert Client.objects.filter(tag="x").count() == by_now
    assert StopListEntry.objects.count() == 0

    shown_now = proof_in(refused)
    assert shown_now != shown
    done = browser.post("/clients/bulk/", {**sent, "shown": shown_now, "typed": f"{by_now}"})
    assert done.status_code == 302
    assert Client.objects.filter(tag="x").count() == (by_now if does == "stop" else 0)


def test_of_ticked_ones_the_question_is_about_those_and_about_what_it_asked() -> None:
    make_clients(4)
    ids = list(Client.objects.order_by("id").values_list("id", flat=True))
    browser = opened()
    shown = proof_in(ask(browser, "tag", id=ids[:2]))

    for sent in ({"does": "tag", "id": ids[2:]}, {"does": "delete", "id": ids[:2], "typed": "2"}):
        answer = browser.post("/clients/bulk/", {**sent, "shown": shown, "new_tag": "y"})
        assert answer.status_code == 422

    assert not Client.objects.filter(tag="y").exists()


def test_more_than_a_request_can_do_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "MOST_AT_ONCE", 2)
    make_clients(5)
    ids = list(Client.objects.values_list("id", flat=True)[:3])
    sent = {"does": "delete", "all": "1", "shown": bulk.sign("delete", ids), "typed": "3"}

    answer = opened().post("/clients/bulk/", sent)

    assert "Narrow the search" in text(answer)
    assert Client.objects.count() == 5


def test_what_is_not_done_in_the_time_of_a_request_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "CHUNK", 2)
    monkeypatch.setattr(bulk, "MOST_SECONDS", 0.0)
    make_clients(5)
    browser = opened()

    page = text(browser.get(agree(browser, "tag", {"all": "1"}, new_tag="y").url))

    assert "2 clients are tagged" in page
    assert "3 clients are unchanged" in page
    assert Client.objects.filter(tag="y").count() == 2


def test_the_same_page_continues_what_was_not_done_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "CHUNK", 2)
    monkeypatch.setattr(bulk, "MOST_SECONDS", 0.0)
    make_clients(5)
    browser, ids = opened(), list(Client.objects.order_by("id").values_list("id", flat=True))
    sent = {"does": "tag", "all": "1", "shown": bulk.sign("tag", ids), "new_tag": "y"}
    sent["token"] = str(uuid.uuid4())

    browser.post("/clients/bulk/", sent)
    monkeypatch.setattr(bulk, "MOST_SECONDS", 60.0)
    browser.post("/clients/bulk/", sent)

    assert Client.objects.filter(tag="y").count() == 5


@pytest.mark.parametrize("does", ["tag", "stop", "delete"])
def test_each_repetition_continues_where_the_last_one_ended(
    monkeypatch: pytest.MonkeyPatch, does: str
) -> None:
    monkeypatch.setattr(bulk, "CHUNK", 2)
    monkeypatch.setattr(bulk, "MOST_SECONDS", 0.0)
    make_clients(5)
    browser, left = opened(), []
    number = {"tag": 5, "stop": 5, "delete": 1}[does]  # the deleted are found no more

    for to_delete in (5, 3, 1):
        answers = {"tag": {"new_tag": "y"}, "delete": {"typed": f"{to_delete}"}}.get(does, {})
        page = text(browser.get(agree(browser, does, {"all": "1"}, **answers).url))
        left += re.findall(r"(\d) clients? (?:is|are) unchanged", page)

    assert left == ["3", "1"]
    assert re.search(rf"{number} clients? (?:is|are) (?:tagged|deleted|on the stop list)", page)


@pytest.mark.parametrize("typed", ["1234", "1 234", "1,234", "1\u00a0234", "1\u202f234"])
def test_the_number_to_delete_is_read_as_the_page_shows_it(typed: str) -> None:
    ids = range(1234)
    sent = {"shown": bulk.sign("delete", ids), "typed": typed}

    form = bulk.BulkForm(sent, ids=ids, does="delete")

    assert form.is_valid()


@pytest.mark.parametrize(
    "sent",
    [
        {"does": "delete"},
        {"does": "erase", "all": "1"},
        {"all": "1"},
        {"does": "delete", "all": "1", "audience": "999"},
        {"does": "delete", "all": "1", "code": "x"},
        {"does": "delete", "id": ["x", "-1", "9" * 30]},
        {"does": "delete", "id": ["9" * 5000]},
        {"does": "delete", "all": "1", "shown": ""},
        {"does": "delete", "all": "1", "shown": "3"},
        {"does": "delete", "all": "1", "shown": "x" * 5000},
        {"does": "delete", "all": "1", "shown": "delete 3 " + "0" * 64 + ":a"},
    ],
)
def test_what_cannot_be_read_changes_nobody(sent: dict[str, Any]) -> None:
    make_clients(3)
    ids = list(Client.objects.values_list("id", flat=True))
    SavedAudience.objects.create(name="gone", filter={}).delete()

    answer = opened().post(
        "/clients/bulk/", {"shown": bulk.sign("delete", ids), "typed": "3", **sent}
    )

    assert answer.status_code in (302, 422)
    assert Client.objects.count() == 3


def test_an_operator_tags_and_does_not_delete() -> None:
    make_clients(2)
    ids = list(Client.objects.values_list("id", flat=True))
    browser = opened("operator")
    sent = {"all": "1", "typed": "2", "new_tag": "x"}
    delete = {**sent, "does": "delete", "shown": bulk.sign("delete", ids)}
    tag = {**sent, "does": "tag", "shown": bulk.sign("tag", ids)}

    assert browser.post("/clients/bulk/", delete).status_code == 403
    assert browser.post("/clients/bulk/", tag).status_code == 302
    assert opened("viewer").post("/clients/bulk/", tag).status_code == 403
    assert set(Client.objects.values_list("tag", flat=True)) == {"x"}
