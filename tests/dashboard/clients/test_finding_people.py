"""Clients found by any word, shown in columns of one's choice, and changed many at once."""

from typing import Any

import pytest

from tests.builders import counts, make_client, make_clients, make_running
from tests.dashboard.access.visiting import make_user, visitor
from vestnik.audience.models import Client, SavedAudience, StopListEntry
from vestnik.dashboard.clients import bulk

pytestmark = pytest.mark.django_db
IVAN, PETR = "79261234567", "79031234568"
SHOWN = {IVAN: "7\u00a0926\u00a0123-45-67", PETR: "7\u00a0903\u00a0123-45-68"}


def opened(role: str = "admin") -> Any:
    return visitor(make_user(role, role))


def text(answered: Any) -> str:
    return str(answered.content.decode())


def two_clients() -> None:
    make_client(IVAN, tag="VIP", attributes={"имя": "Иван Петров", "город": "Москва", "счёт": 4512})
    make_client(PETR, attributes={"имя": 'Пётр "П" Иванов', "город": ["Уфа", "Казань"], "x": None})


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
        ("\\", []),
        ("уфа 9", []),
    ],
)
def test_clients_are_found_by_words_in_any_case(written: str, found: list[str]) -> None:
    two_clients()

    page = text(opened().get("/clients/", {"q": written}))

    assert [number for number in (IVAN, PETR) if SHOWN[number] in page] == found


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


def test_the_question_names_the_number_and_changes_nothing() -> None:
    make_clients(7)
    page = text(ask(opened(), "delete", all="1"))
    assert "Delete 7 clients?" in page
    assert 'name="shown" value="7"' in page
    assert Client.objects.count() == 7


def test_all_that_is_found_is_tagged() -> None:
    two_clients()
    sent = {"does": "tag", "all": "1", "q": "москва", "shown": "1", "new_tag": "moscow"}

    answer = opened().post("/clients/bulk/", sent)

    assert answer.status_code == 302
    tags = dict(Client.objects.values_list("phone_number", "tag"))
    assert tags == {IVAN: "moscow", PETR: ""}


def test_those_that_are_ticked_are_stopped_and_what_waits_is_taken_back() -> None:
    mailing = make_running(clients=5)
    ids = list(Client.objects.order_by("id").values_list("id", flat=True)[:3])

    opened().post("/clients/bulk/", {"does": "stop", "id": ids, "shown": "3", "reason": "asked"})

    assert StopListEntry.objects.count() == 3
    assert counts(mailing) == {"queued": 2, "suppressed": 3}


def test_deletion_wants_the_number_typed_and_cancels_what_waits() -> None:
    mailing = make_running(clients=5)
    ids = list(Client.objects.order_by("id").values_list("id", flat=True)[:3])
    sent = {"does": "delete", "id": ids, "shown": "3"}
    browser = opened()

    refused = browser.post("/clients/bulk/", {**sent, "typed": "2"})
    assert refused.status_code == 422
    assert Client.objects.count() == 5

    browser.post("/clients/bulk/", {**sent, "typed": "3"})
    assert Client.objects.count() == 2
    assert counts(mailing) == {"cancelled": 3, "queued": 2}


def test_where_others_fit_by_then_nothing_is_done_and_it_is_asked_again() -> None:
    make_clients(3)
    answer = opened().post(
        "/clients/bulk/", {"does": "tag", "all": "1", "shown": "2", "new_tag": "x"}
    )

    assert answer.status_code == 422
    assert "Another number of clients fits by now" in text(answer)
    assert 'name="shown" value="3"' in text(answer)
    assert not Client.objects.filter(tag="x").exists()


def test_more_than_a_request_can_do_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "MOST_AT_ONCE", 2)
    make_clients(5)
    sent = {"does": "delete", "all": "1", "shown": "3", "typed": "3"}

    answer = opened().post("/clients/bulk/", sent)

    assert "Narrow the search" in text(answer)
    assert Client.objects.count() == 5


@pytest.mark.parametrize(
    "sent",
    [
        {"does": "delete", "shown": "0"},
        {"does": "erase", "all": "1", "shown": "3", "typed": "3"},
        {"all": "1", "shown": "3", "typed": "3"},
        {"does": "delete", "all": "1", "audience": "999", "shown": "3", "typed": "3"},
        {"does": "delete", "all": "1", "code": "x", "shown": "3", "typed": "3"},
        {"does": "delete", "id": ["x", "-1", "9" * 30], "shown": "3", "typed": "3"},
        {"does": "delete", "id": ["9" * 5000], "shown": "3", "typed": "3"},
        {"does": "delete", "all": "1", "typed": "3"},
        {"does": "delete", "all": "1", "shown": "x", "typed": "3"},
    ],
)
def test_what_cannot_be_read_changes_nobody(sent: dict[str, Any]) -> None:
    make_clients(3)
    SavedAudience.objects.create(name="gone", filter={}).delete()

    answer = opened().post("/clients/bulk/", sent)

    assert answer.status_code in (302, 422)
    assert Client.objects.count() == 3


def test_an_operator_tags_and_does_not_delete() -> None:
    make_clients(2)
    browser = opened("operator")
    sent = {"all": "1", "shown": "2", "typed": "2", "new_tag": "x"}

    assert browser.post("/clients/bulk/", {**sent, "does": "delete"}).status_code == 403
    assert browser.post("/clients/bulk/", {**sent, "does": "tag"}).status_code == 302
    assert opened("viewer").post("/clients/bulk/", {**sent, "does": "tag"}).status_code == 403
    assert set(Client.objects.values_list("tag", flat=True)) == {"x"}
