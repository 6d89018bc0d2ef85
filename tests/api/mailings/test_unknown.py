"""Unknown messages: the operator asks, resends or gives up, and an event records it."""

from typing import Any

import pytest

from tests.api.caller import Caller, errors_of
from tests.builders import (
    counts,
    end,
    make_mailing,
    make_running,
)
from tests.dispatch.sent import record
from vestnik.dispatch.reconcile import closing
from vestnik.mailings.models import CANCEL, Mailing
from vestnik.providers.registry import describe

pytestmark = pytest.mark.django_db


@pytest.fixture
def mailing(settings: Any) -> Mailing:
    """A finished mailing, before its end, with one message sent and two unknown."""
    settings.SMS_PROVIDERS = {
        **settings.SMS_PROVIDERS,
        "null": {"BACKEND": "null"},
        "vendor": {"BACKEND": "smsc", "OPTIONS": {"login": "x", "password": "y"}},
    }
    describe.cache_clear()
    mailing = make_running(3, starts_in=-10)
    record(mailing, ["sent", "unknown", "unknown"])
    assert closing.finish_if_done(mailing.id)
    return mailing


def decide(api: Caller, mailing: Mailing, action: str) -> Any:
    return api.post(f"mailings/{mailing.id}/unknown/", {"action": action})


def events(api: Caller, mailing: Mailing) -> list[tuple[str, str, str]]:
    found = api.get(f"mailings/{mailing.id}/events/").json()["results"]
    return [(event["event"], event["actor"], event["reason"]) for event in found]


def test_resend_reopens_a_finished_mailing(api: Caller, mailing: Mailing) -> None:
    answer = decide(api, mailing, "resend").json()

    assert (answer["action"], answer["messages"]) == ("resend", 2)
    assert answer["mailing"]["state"] == "running"
    assert answer["mailing"]["progress"]["queued"] == 2
    assert counts(mailing) == {"queued": 2, "sent": 1}
    assert events(api, mailing)[-2:] == [
        ("reopen", "key:tests", ""),
        ("resend", "key:tests", "2 unknown messages"),
    ]


def test_resending_what_is_not_in_doubt_any_more_changes_nothing(
    api: Caller, mailing: Mailing
) -> None:
    decide(api, mailing, "give_up")

    answer = decide(api, mailing, "resend").json()

    assert (answer["messages"], answer["mailing"]["state"]) == (0, "finished")


def test_resend_after_the_end_points_to_sending_again(api: Caller, mailing: Mailing) -> None:
    end(mailing)

    answer = decide(api, mailing, "resend")

    assert answer.status_code == 409
    assert "send again" in answer.json()["detail"]
    assert counts(mailing) == {"sent": 1, "unknown": 2}


def test_what_was_cancelled_is_not_resent(api: Caller, mailing: Mailing) -> None:
    cancelled = make_mailing()
    cancelled.apply(CANCEL, actor="test")
    assert decide(api, cancelled, "resend").status_code == 409


def test_giving_up_counts_them_as_failed_also_after_the_end(api: Caller, mailing: Mailing) -> None:
    end(mailing)

    answer = decide(api, mailing, "give_up").json()

    assert (answer["messages"], answer["mailing"]["progress"]["failed"]) == (2, 2)
    assert answer["mailing"]["state"] == "finished"
    assert counts(mailing) == {"failed": 2, "sent": 1}
    assert events(api, mailing)[-1] == ("give_up", "key:tests", "2 unknown messages")


@pytest.mark.parametrize("provider", ["null", "gone"])
def test_a_provider_that_cannot_tell_is_not_asked(
    api: Caller, mailing: Mailing, provider: str
) -> None:
    Mailing.objects.update(provider=provider)

    answer = decide(api, mailing, "ask")

    assert answer.status_code == 409
    assert "cannot report the status" in answer.json()["detail"]


def test_a_provider_that_can_tell_is_asked(api: Caller, mailing: Mailing) -> None:
    Mailing.objects.update(provider="vendor")

    answer = decide(api, mailing, "ask").json()

    assert (answer["action"], answer["messages"]) == ("ask", 2)
    assert events(api, mailing)[-1] == ("ask", "key:tests", "2 unknown messages")
    assert counts(mailing) == {"sent": 1, "unknown": 2}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "action"),
        ({"action": "hope"}, "action"),
        ({"action": None}, "action"),
        ({"action": "resend", "all": True}, "all"),
        ([], "body"),
    ],
)
def test_anything_else_is_refused(api: Caller, mailing: Mailing, body: Any, field: str) -> None:
    answer = api.post(f"mailings/{mailing.id}/unknown/", body)
    assert answer.status_code == 400
    assert field in errors_of(answer)
    assert counts(mailing) == {"sent": 1, "unknown": 2}


def test_a_viewer_settles_nothing(mailing: Mailing) -> None:
    assert decide(Caller(role="viewer"), mailing, "give_up").status_code == 403
    assert decide(Caller(role="operator", name="op"), mailing, "give_up").status_code == 200


def test_the_record_comes_in_pages_oldest_first(api: Caller) -> None:
    mailing = make_mailing(starts_in=1000)
    for number in range(4):
        mailing.record_event("change", actor="test", reason=str(number))

    first = api.get(f"mailings/{mailing.id}/events/?page_size=3").json()
    second = api.get(first["next"].removeprefix("http://testserver")).json()

    assert [event["event"] for event in first["results"]] == ["schedule", "change", "change"]
    assert [event["reason"] for event in second["results"]] == ["2", "3"]
    assert second["next"] is None
    assert first["results"][0].keys() == {
        "at",
        "actor",
        "event",
        "from_state",
        "to_state",
        "reason",
        "reason_details",
    }
    assert first["results"][0]["at"].endswith("Z")


def test_the_record_of_nothing_is_not_found(api: Caller) -> None:
    assert api.get("mailings/999/events/").status_code == 404
