"""One question before anything leaves: what is shown, what is counted and what is sent are one."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.cache import cache
from django.urls import reverse

from tests.builders import from_now, make_client, make_clients, make_mailing
from tests.dashboard.mailings.writing import (
    Fields,
    agreed,
    at,
    browser,
    condition,
    local,
    question,
    written,
)
from vestnik.audience import stop_list
from vestnik.audience.models import Client
from vestnik.dashboard.mailings.edit.signed_previews import is_near
from vestnik.mailings.models import CANCEL, SCHEDULE, Mailing
from vestnik.providers.registry import describe
from vestnik.reports.mailing.local_times import local_times

pytestmark = pytest.mark.django_db

NEW = "/mailings/new/"
TAGGED = {"include": ["0"], **condition("include", 0, what="tag", values=["vip"])}


@pytest.fixture(autouse=True)
def _price(settings: Any) -> Iterator[None]:
    settings.SMS_PROVIDERS = {"null": {"BACKEND": "null", "OPTIONS": {"price_per_segment": "2.5"}}}
    describe.cache_clear()
    cache.clear()
    yield
    describe.cache_clear()


def page(answer: Any) -> str:
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_nothing_is_scheduled_before_the_question_is_answered() -> None:
    make_clients(3)
    opened = browser()

    hours = {"hours_from": "10", "hours_until": "20", "ends_at": local(90_000)}
    asked = opened.post(NEW, written(do="schedule", **hours))

    for words in ("3 clients get it", "All clients", "7.50", "between 10:00 and 20:00", "Hello"):
        assert words in page(asked)
    assert not Mailing.objects.exists()
    assert opened.post(NEW, question(asked) | {"do": "schedule"}).status_code == 302
    assert Mailing.objects.get().local_hours == {"from": "10:00", "until": "20:00"}


def test_back_from_the_question_all_is_there() -> None:
    opened = browser()
    asked = opened.post(NEW, written(do="schedule", name="Kept", rate_limit="7", **TAGGED))

    back = page(opened.post(NEW, question(asked) | {"do": "back"}))

    for words in ('value="Kept"', 'value="7"', 'value="vip"', "Hello"):
        assert words in back
    assert not Mailing.objects.exists()


def more_clients() -> None:
    make_clients(30, first=500)


def one_client() -> None:
    make_client("79261111111")


CHANGES: list[tuple[str, dict[str, Any], Any]] = [
    ("another text", {"text": "Another"}, None),
    ("another audience", {**TAGGED, "rows": "1"}, None),
    ("another end", {"ends_at": local(9000)}, None),
    ("other hours", {"hours": "between", "hours_from": "10", "hours_until": "20"}, None),
    ("another rate", {"rate": "limit", "rate_limit": "5"}, None),
    ("at once instead", {"starts": "now", "starts_at": ""}, None),
    ("more people", {}, more_clients),
    ("one more of a few", {}, one_client),
    ("nobody any more", {}, lambda: Client.objects.all().delete()),
    ("nothing that was shown", {"agreed": ""}, None),
    ("something made up", {"agreed": "x"}, None),
]


@pytest.mark.parametrize(("what", "changes", "meanwhile"), CHANGES)
def test_what_is_not_what_was_shown_is_shown_anew(
    what: str, changes: dict[str, Any], meanwhile: Any
) -> None:
    make_clients(3)
    opened = browser()
    fields = question(opened.post(NEW, written(do="schedule")))
    if meanwhile:
        meanwhile()

    asked = opened.post(NEW, fields | {"do": "schedule"} | changes)

    assert 'id="confirmation"' in page(asked), what
    assert "Nothing was done" in page(asked)
    assert not Mailing.objects.exists()


@pytest.mark.parametrize(
    ("shown", "now", "near"),
    [
        (0, 0, True),
        (0, 1, False),
        (99, 100, False),
        (100, 101, True),
        (100, 102, False),
        (18_222, 18_300, True),
        (18_222, 30_024, False),
        (30_024, 29_700, False),
        (-1, -1, True),
    ],
)
def test_a_count_may_move_by_one_in_a_hundred(shown: int, now: int, near: bool) -> None:
    assert is_near(shown, now) is near


def test_a_form_is_not_taken_whose_count_was_of_another_audience() -> None:
    """The browser has filled the text again, and not the conditions."""
    make_clients(3)
    make_client("79261111111", tag="vip")
    opened = browser()
    counted = opened.post("/mailings/new/preview/", written(**TAGGED)).content.decode()
    proof = counted.split('name="counted" value="')[1].split('"')[0]

    for do in ("schedule", "save"):
        refused = page(opened.post(NEW, written(do="schedule", counted=proof)))
        assert "The number of clients has changed, or was counted for other conditions" in refused
        assert "4 clients get it" in refused
        assert 'id="confirmation"' not in refused, do
    assert not Mailing.objects.exists()
    asked = page(opened.post(NEW, written(do="schedule", counted=proof, **TAGGED)))
    assert "1 client gets it" in asked


def test_two_clicks_on_the_answer_make_one_mailing() -> None:
    opened = browser()
    fields = question(opened.post(NEW, written(do="schedule"))) | {"do": "schedule"}

    locations = {opened.post(NEW, fields)["Location"] for _ in range(2)}

    assert locations == {reverse("mailing-page", args=[Mailing.objects.get().id])}


def test_a_scheduled_mailing_is_not_changed_without_the_question() -> None:
    mailing = make_mailing(starts_in=3600, provider="null")
    opened, address = browser(), f"/mailings/{mailing.id}/edit/"
    same = {"starts_at": at(mailing.starts_at), "ends_at": at(mailing.ends_at)}
    same |= {"text": mailing.text}

    for do in ("save", "draft", "schedule"):
        assert 'id="confirmation"' in page(
            opened.post(address, written(do=do, **same | {"text": "New"}))
        )
    mailing.refresh_from_db()
    assert mailing.text != "New"
    assert opened.post(address, written(do="save", name="Only a name", **same)).status_code == 302
    assert agreed(opened, address, written(do="save", **same | {"text": "New"})).status_code == 302
    mailing.refresh_from_db()
    assert (mailing.text, mailing.name) == ("New", "Sale")


def test_a_draft_that_was_scheduled_meanwhile_is_asked_about() -> None:
    draft = Mailing.objects.draft(
        text="Hi", provider="null", starts_at=from_now(3600), ends_at=from_now(7200)
    )
    opened, address = browser(), f"/mailings/{draft.id}/edit/"
    assert draft.move(SCHEDULE)

    asked = opened.post(address, written(do="draft", text="New"))

    assert 'id="confirmation"' in page(asked)


def test_an_answer_about_what_another_has_changed_meanwhile_is_asked_anew() -> None:
    mailing = make_mailing(starts_in=3600, provider="null")
    opened, address = browser(), f"/mailings/{mailing.id}/edit/"
    marks = Fields(page(opened.get(address)), "mailing").sent["shown"]
    times = {"starts_at": at(mailing.starts_at), "ends_at": at(mailing.ends_at)}
    form = written(do="save", name="", text="Mine", shown=marks[0], **times)
    fields = question(opened.post(address, form)) | {"do": "save"}
    mailing.change({"filter": {"tags": ["theirs"]}}, actor="another")

    asked = opened.post(address, fields)

    assert "Nothing was done" in page(asked)
    assert "theirs" in page(asked)
    mailing.refresh_from_db()
    assert mailing.text != "Mine"
    assert opened.post(address, question(asked) | {"do": "save"}).status_code == 302
    mailing.refresh_from_db()
    assert (mailing.text, mailing.filter) == ("Mine", {"tags": ["theirs"]})


RIVALS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"text": "Theirs"}, {"text": "Mine"}, "“Theirs”"),
    ({"name": "Theirs"}, {"name": "Mine"}, "“Theirs”"),
    ({"rate_limit": 5}, {"rate_limit": "7"}, "5"),
    ({"local_hours": {"from": "09:00", "until": "12:00"}}, {"hours_from": "10"}, "09:00–12:00"),
    ({"filter": {"tags": ["theirs"]}}, TAGGED, "tag “theirs”"),
    ({"provider": "other"}, {"provider": "null"}, "“other”"),
    ({"ends_at": from_now(9000)}, {"ends_at": local(8000)}, local(9000)[:10]),
]


@pytest.mark.parametrize(("theirs", "mine", "said"), RIVALS)
def test_what_two_have_changed_is_shown_with_both_values(
    theirs: dict[str, Any], mine: dict[str, Any], said: str
) -> None:
    draft = Mailing.objects.draft(
        text="Hi", provider="old", starts_at=from_now(3600), ends_at=from_now(7200), name="Old"
    )
    opened, address = browser(), f"/mailings/{draft.id}/edit/"
    marks = Fields(page(opened.get(address)), "mailing").sent["shown"][0]
    if "hours_from" in mine:
        mine = {**mine, "hours_until": "20:00"}
    draft.change(theirs, actor="user:anna")
    kept = {"name": "Old", "text": "Hi", "ends_at": at(draft.ends_at), "provider": "null"}
    kept |= {"starts_at": at(draft.starts_at), "shown": marks}
    if "ends_at" not in theirs:
        kept["ends_at"] = at(from_now(7200))

    refused = page(opened.post(address, written(do="draft", **kept | mine)))
    draft.refresh_from_db()

    assert "anna has changed this in the meantime" in refused
    assert said in refused
    (name, value), *_ = theirs.items()
    assert getattr(draft, name) == value
    renewed = Fields(refused, "mailing").sent["shown"][0]
    again = opened.post(address, written(do="draft", **kept | mine | {"shown": renewed}))
    assert again.status_code == 302
    draft.refresh_from_db()
    assert getattr(draft, name) != value


def test_what_is_cancelled_meanwhile_stays_so() -> None:
    mailing = make_mailing(starts_in=3600, provider="null")
    opened, address = browser(), f"/mailings/{mailing.id}/edit/"
    fields = question(opened.post(address, written(do="save"))) | {"do": "save"}
    assert mailing.move(CANCEL)

    assert "cannot be changed any more" in page(opened.post(address, fields))


BOTH = ["Asia/Vladivostok", "Europe/Moscow"]
NIGHTS: list[tuple[str, dict[str, str] | None, int, list[str]]] = [
    ("2027-03-01T09:00+00:00", None, 0, []),
    ("2027-03-01T13:00+00:00", None, 0, ["Asia/Vladivostok"]),
    ("2027-03-01T22:00+00:00", None, 0, ["Europe/Moscow"]),
    ("2027-03-01T04:59+00:00", None, 0, ["Europe/Moscow"]),
    ("2027-03-01T05:00+00:00", None, 0, []),
    ("2027-03-01T11:59+00:00", None, 0, []),
    ("2027-03-01T11:59+00:00", None, 2, ["Asia/Vladivostok"]),
    ("2027-03-01T09:00+00:00", None, 1500, BOTH),
    ("2027-03-01T22:00+00:00", {"from": "09:00", "until": "21:00"}, 0, []),
    ("2027-03-01T22:00+00:00", {"from": "09:00", "until": "23:00"}, 1500, BOTH),
    ("2027-03-01T22:00+00:00", {"from": "00:00", "until": "05:00"}, 0, BOTH),
]


@pytest.mark.parametrize(("start", "hours", "minutes", "night"), NIGHTS)
def test_for_whom_it_is_night(
    start: str, hours: dict[str, str] | None, minutes: int, night: list[str]
) -> None:
    starts_at = datetime.fromisoformat(start)
    ends_at = datetime(2027, 3, 3, tzinfo=UTC)
    mailing = Mailing(filter={}, starts_at=starts_at, ends_at=ends_at, local_hours=hours)
    finishes_at = datetime.fromtimestamp(starts_at.timestamp() + 60 * minutes, UTC)

    found = local_times(mailing, finishes_at, dict.fromkeys(BOTH, 1))

    assert sorted(zone.zone for zone in found if zone.is_night) == night


def test_the_question_is_red_where_it_is_night() -> None:
    make_client("79261111111", timezone="Europe/Moscow")
    make_client("79261111112", timezone="America/New_York")
    opened = browser()

    asked = page(
        opened.post(
            NEW,
            written(do="schedule", starts_at="2027-03-01 10:00", ends_at="2027-03-01 20:00"),
        )
    )

    assert "It is night for 1 of these clients" in asked
    assert 'class="is-danger" name="do" value="schedule"' in asked
    assert "02:00 <strong>night</strong>" in asked


def test_the_night_is_counted_of_those_who_get_it() -> None:
    """Not of those on the stop list, of landlines, or of those without a value."""
    for last in range(6):
        known = {"name": "Anna"} if last != 3 else {}
        make_client(f"7926111111{last}", timezone="Europe/Moscow", attributes=known)
    make_client("74951111111", timezone="Europe/Moscow", attributes={"name": "Office"})
    stop_list.put(["79261111111", "79261111112"], stop_list.Source.API)
    times = {"starts_at": "2027-03-01 02:00", "ends_at": "2027-03-01 03:00"}

    asked = page(browser().post(NEW, written(do="schedule", text="Hi {{ name }}", **times)))

    assert "3 clients get it" in asked
    assert "It is night for 3 of these clients" in asked
    assert '<td class="numeric">3</td></tr></tbody>' in asked


def test_a_mailing_that_waits_says_whom_it_reaches_and_schedule_is_its_first_button() -> None:
    make_clients(3)
    draft = Mailing.objects.draft(
        text="Hi", provider="null", starts_at=from_now(3600), ends_at=from_now(7200)
    )
    opened, address = browser(), f"/mailings/{draft.id}/"

    shown = page(opened.get(address))
    look = page(opened.get(f"{address}look/"))

    assert f'hx-get="{address}look/"' in shown
    actions = shown.split('<div class="actions">')[1]
    assert 'class="button is-primary" id="schedule-mailing"' in actions.split("</a>")[0]
    for words in ("3 clients get it", "7.50", "Hi", "Their own time"):
        assert words in look
    assert draft.move(CANCEL)
    assert "It cannot be sent as it is" in page(opened.get(f"{address}look/"))


def test_a_draft_is_scheduled_from_its_page_as_it_was_shown() -> None:
    make_clients(3)
    draft = Mailing.objects.draft(
        text="Hi", provider="null", starts_at=from_now(3600), ends_at=from_now(7200)
    )
    opened, address = browser(), f"/mailings/{draft.id}/schedule/"
    seen = page(opened.get(address)).split('name="seen" value="')[1].split('"')[0]
    draft.change({"text": "Another text of the same length of audience"}, actor="another")

    again = page(opened.post(address, {"seen": seen}))

    assert "Nothing was done" in again
    assert "7.50" in again
    draft.refresh_from_db()
    assert draft.state == "draft"
    seen = again.split('name="seen" value="')[1].split('"')[0]
    assert opened.post(address, {"seen": seen}).status_code == 302
    draft.refresh_from_db()
    assert draft.state == "scheduled"
