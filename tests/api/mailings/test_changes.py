"""PATCH mailings/{id}/: the fields that may change in each state."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.api.caller import Caller, errors_of, mailing_body
from tests.builders import make_client, make_mailing, make_running
from tests.database_clock import stop_database_clock
from tests.dispatch.sent import record
from vestnik.dispatch.runtime.tasks import look_at
from vestnik.mailings.models import CANCEL, PAUSE, Mailing

IN_AN_HOUR = (timezone.now() + timedelta(hours=1)).isoformat()
ALLOWED_UNDER_WAY = {"name": "new", "rate_limit": 5, "ends_at": IN_AN_HOUR}
REFUSED_UNDER_WAY = {"text": "new", "filter": {}, "starts_at": IN_AN_HOUR, "provider": "console"}


def test_all_of_a_scheduled_mailing_may_change(api: Caller) -> None:
    mailing = make_mailing(starts_in=1000)
    changes = {
        **ALLOWED_UNDER_WAY,
        "text": "я" * 71,
        "filter": {"tags": ["vip"]},
        "starts_at": "2026-01-01T00:00:00Z",
        "provider": "console",
    }

    answer = api.patch(f"mailings/{mailing.id}/", changes)

    assert answer.status_code == 200
    assert answer.json()["filter"]["tags"] == ["vip"]
    mailing.refresh_from_db()
    assert (mailing.segments, mailing.rate_limit, mailing.name) == (2, 5, "new")
    event = mailing.events.latest("id")
    assert (event.event, event.actor) == ("change", "key:tests")
    assert "text" in event.reason


@pytest.mark.parametrize("field", ALLOWED_UNDER_WAY)
@pytest.mark.parametrize("paused", [False, True])
def test_some_of_a_mailing_under_way_may_change(api: Caller, field: str, paused: bool) -> None:
    mailing = _under_way(paused)

    answer = api.patch(f"mailings/{mailing.id}/", {field: ALLOWED_UNDER_WAY[field]})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("field", "paused"),
    [
        *((field, False) for field in REFUSED_UNDER_WAY),
        *((field, True) for field in REFUSED_UNDER_WAY if field != "text"),
    ],
)
def test_the_rest_of_a_mailing_under_way_may_not(api: Caller, field: str, paused: bool) -> None:
    mailing = _under_way(paused)

    answer = api.patch(f"mailings/{mailing.id}/", {field: REFUSED_UNDER_WAY[field]})

    assert answer.status_code == 409
    detail = answer.json()["detail"]
    assert f"is {mailing.state}: change of {field} is not possible" in detail
    assert f"change of ends_at, name, rate_limit{', text' if paused else ''}" in detail


def test_who_waits_gets_the_new_text_of_a_paused_mailing(api: Caller) -> None:
    mailing = make_running(3, text="Teh sale")
    sent, *_ = record(mailing, ["sent"])
    mailing.apply(PAUSE, actor="test")

    shown = api.patch(f"mailings/{mailing.id}/", {"text": "The sale", "name": "new"})
    look_at(mailing.id)

    assert (shown.status_code, shown.json()["text_version"]) == (200, 2)
    rows = api.get(f"messages/?mailing={mailing.id}").json()["results"]
    assert [(row["text"], row["text_version"]) for row in rows] == [
        ("Teh sale", 1),
        ("The sale", 2),
        ("The sale", 2),
    ]
    assert api.get(f"messages/{sent}/").json()["text"] == "Teh sale"
    texts = api.get(f"mailings/{mailing.id}/texts/").json()
    assert [(text["version"], text["text"]) for text in texts] == [(1, "Teh sale"), (2, "The sale")]
    event = mailing.events.get(event="new_text")
    assert (event.actor, event.reason) == ("key:tests", "text 2: 2 wait, 1 had an earlier one")
    exported = list(api.get(f"mailings/{mailing.id}/messages/export/").streaming_content)
    assert [line.count("Teh sale") for line in b"".join(exported).decode().splitlines()] == [
        0, 1, 0, 0,
    ]  # fmt: skip


def test_a_mailing_whose_text_never_changed_has_its_first_one(api: Caller) -> None:
    mailing = make_running(1, text="Hello")
    (text,) = api.get(f"mailings/{mailing.id}/texts/").json()
    assert (text["version"], text["text"], text["segments"]) == (1, "Hello", 1)


@pytest.mark.parametrize("text", ["", "Dear {{ nobody has this }}", "x" * 2000, None, 5])
def test_a_new_text_is_checked_as_any_other(api: Caller, text: object) -> None:
    mailing = _under_way(paused=True)
    answer = api.patch(f"mailings/{mailing.id}/", {"text": text})
    assert answer.status_code == 400
    assert "text" in errors_of(answer)


def test_nothing_of_an_ended_mailing_may_change(api: Caller) -> None:
    mailing = make_mailing()
    mailing.apply(CANCEL, actor="test")

    answer = api.patch(f"mailings/{mailing.id}/", {"name": "new"})

    assert answer.status_code == 409
    assert "Allowed actions: none." in answer.json()["detail"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"ends_at": "2020-01-01T00:00:00Z"}, "ends_at"),
        ({"starts_at": "2098-01-01T00:00:00Z", "ends_at": "2097-01-01T00:00:00Z"}, "ends_at"),
        ({"starts_at": "2099-01-01T00:00:00Z"}, "ends_at"),
        ({"text": None}, "text"),
        ({"state": "running"}, "state"),
        ({"progress": {}}, "progress"),
    ],
)
def test_a_change_that_is_wrong_is_refused(
    api: Caller, changes: dict[str, object], field: str
) -> None:
    mailing = make_mailing(starts_in=1000)

    answer = api.patch(f"mailings/{mailing.id}/", changes)

    assert answer.status_code == 400
    assert field in errors_of(answer)


def test_changing_nothing_changes_nothing(api: Caller) -> None:
    mailing = make_mailing()

    assert api.patch(f"mailings/{mailing.id}/", {}).status_code == 200
    assert mailing.events.count() == 1


def _under_way(paused: bool) -> Mailing:
    mailing = make_running(1)
    if paused:
        mailing.apply(PAUSE, actor="test")
    return mailing


def test_the_end_of_a_mailing_under_way_leaves_a_second_for_what_is_in_flight(api: Caller) -> None:
    mailing = _under_way(paused=False)
    soon = (stop_database_clock() + timedelta(seconds=0.95)).isoformat()

    answer = api.patch(f"mailings/{mailing.id}/", {"ends_at": soon})

    assert answer.status_code == 400
    assert "a second from now" in errors_of(answer)["ends_at"]


@pytest.mark.parametrize("tag", ["vip", "nobody has it"])
def test_a_filter_that_matches_nobody_is_told_of_at_the_change(api: Caller, tag: str) -> None:
    make_client(tag="vip")
    mailing = make_mailing(starts_in=1000)
    changed = api.patch(f"mailings/{mailing.id}/", {"filter": {"tags": [tag]}}).json()
    body = mailing_body(filter={"tags": [tag]}, starts_at="2027-01-01T00:00:00Z")
    made = api.post("mailings/", {**body, "ends_at": "2027-01-02T00:00:00Z"}).json()
    for shown in (changed, made):
        assert len(shown["warnings"]) == (tag != "vip")
    assert "warnings" not in api.get(f"mailings/{mailing.id}/").json()
