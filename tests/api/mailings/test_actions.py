"""mailings/{id}/pause/, resume/ and cancel/."""

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks

from tests.api.caller import Caller, errors_of
from tests.builders import make_mailing, make_running, zone_where_it_is
from tests.dispatch.sent import record
from vestnik.api.mailings import views
from vestnik.audience.models import Client


def test_pause_resume_and_cancel_are_obeyed_and_recorded(api: Caller) -> None:
    mailing = make_running(2)
    states = []

    for action in ("pause", "resume", "cancel"):
        answer = api.post(f"mailings/{mailing.id}/{action}/")
        assert answer.status_code == 200
        states.append(answer.json()["state"])

    assert states == ["paused", "running", "cancelled"]
    events = list(mailing.events.values_list("event", "actor"))[-3:]
    assert events == [("pause", "key:tests"), ("resume", "key:tests"), ("cancel", "key:tests")]


def test_what_is_left_of_a_cancelled_mailing_reads_cancelled_in_the_answer(api: Caller) -> None:
    mailing = make_running(2)

    progress = api.post(f"mailings/{mailing.id}/cancel/").json()["progress"]

    assert (progress["cancelled"], progress["queued"], progress["matched"]) == (2, 0, 2)


@pytest.mark.parametrize("action", ["pause", "cancel"])
def test_an_action_that_is_fulfilled_already_is_fine(api: Caller, action: str) -> None:
    mailing = make_running(1)
    api.post(f"mailings/{mailing.id}/{action}/")

    assert api.post(f"mailings/{mailing.id}/{action}/").status_code == 200
    assert mailing.events.filter(event=action).count() == 1


@pytest.mark.parametrize("action", ["pause", "resume"])
def test_an_action_that_the_state_does_not_allow_says_what_it_does_allow(
    api: Caller, action: str
) -> None:
    mailing = make_mailing(starts_in=1000)

    answer = api.post(f"mailings/{mailing.id}/{action}/")

    assert answer.status_code == 409
    assert answer.json()["detail"] == (
        f"Mailing {mailing.id} is scheduled: {action} is not possible. "
        "Allowed actions: cancel, change."
    )


def test_an_action_takes_no_body(api: Caller) -> None:
    mailing = make_running(1)

    assert api.post(f"mailings/{mailing.id}/pause/", {}).status_code == 200
    refused = api.post(f"mailings/{mailing.id}/resume/", {"when": "later"})
    assert refused.status_code == 400
    assert "when" in errors_of(refused)


def test_a_worker_is_told_to_look_when_a_mailing_is_resumed(
    api: Caller, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    mailing = make_running(1)
    api.post(f"mailings/{mailing.id}/pause/")

    with django_capture_on_commit_callbacks() as callbacks:
        api.post(f"mailings/{mailing.id}/resume/")

    assert len(callbacks) == 1


@pytest.mark.parametrize("counted_first", [0, 10_000])
@pytest.mark.parametrize(("hour", "at_night"), [(2, 2), (12, 0)])
def test_resume_says_for_how_many_it_is_night(
    api: Caller, monkeypatch: pytest.MonkeyPatch, hour: int, at_night: int, counted_first: int
) -> None:
    monkeypatch.setattr(views, "COUNTED_FIRST", counted_first)
    mailing = make_running(3)
    record(mailing, ["sent"])
    Client.objects.update(timezone=zone_where_it_is(hour))
    api.post(f"mailings/{mailing.id}/pause/")

    first = api.post(f"mailings/{mailing.id}/resume/").json()
    second = api.post(f"mailings/{mailing.id}/resume/").json()

    night = "It is night (22:00 to 8:00) for 2 of the clients who still wait."
    assert (first["state"], first["warnings"]) == ("running", [night] if at_night else [])
    assert second["warnings"] == []  # it was running already


@pytest.mark.parametrize("action", ["pause", "resume", "cancel"])
def test_a_mailing_that_is_not_there_is_404(api: Caller, action: str) -> None:
    assert api.post(f"mailings/{2**63}/{action}/").status_code == 404
    assert api.get(f"mailings/1/{action}/").status_code == 405
