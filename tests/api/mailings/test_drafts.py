"""Drafts: mailings that are saved, changed and scheduled later."""

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks

from tests.api.caller import Caller, errors_of, mailing_body
from tests.builders import from_now, make_mailing
from vestnik.dispatch.prepare.launch import launch
from vestnik.mailings.models import Mailing, MailingState


def make_draft(**fields: object) -> Mailing:
    return Mailing.objects.draft(
        **{
            "text": "Hello",
            "starts_at": from_now(-1),
            "ends_at": from_now(3600),
            "provider": "console",
            **fields,
        }
    )


def test_a_draft_is_kept_and_does_not_start(api: Caller) -> None:
    answer = api.post("mailings/", mailing_body(draft=True))

    assert answer.status_code == 201
    shown = answer.json()
    assert shown["state"] == "draft"
    assert "draft" not in shown
    assert not launch(shown["id"])
    events = api.get(f"mailings/{shown['id']}/events/").json()["results"]
    assert [(event["event"], event["to_state"]) for event in events] == [("draft", "draft")]


def test_all_of_a_draft_may_change(api: Caller) -> None:
    draft = make_draft()
    changes = {"text": "Привет", "filter": {"tags": ["vip"]}, "rate_limit": 5}

    answer = api.patch(f"mailings/{draft.id}/", changes)

    assert answer.status_code == 200
    assert answer.json()["state"] == "draft"
    assert answer.json()["text"] == "Привет"


def test_a_draft_that_is_scheduled_starts_by_itself(
    api: Caller, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    draft = make_draft()

    with django_capture_on_commit_callbacks() as callbacks:
        answer = api.post(f"mailings/{draft.id}/schedule/")

    assert (answer.status_code, answer.json()["state"]) == (200, "scheduled")
    assert len(callbacks) == 1
    event = draft.events.latest("id")
    assert (event.event, event.actor) == ("schedule", "key:tests")
    assert (event.from_state, event.to_state) == ("draft", "scheduled")
    assert launch(draft.id)


def test_what_is_scheduled_already_is_fine(api: Caller) -> None:
    mailing = make_mailing(starts_in=1000)

    assert api.post(f"mailings/{mailing.id}/schedule/").status_code == 200
    assert mailing.events.count() == 1


@pytest.mark.parametrize("state", [MailingState.CANCELLED, MailingState.MISSED])
def test_what_has_ended_is_not_scheduled(api: Caller, state: MailingState) -> None:
    mailing = make_mailing()
    Mailing.objects.update(state=state, finished_at=from_now(0))

    answer = api.post(f"mailings/{mailing.id}/schedule/")

    assert answer.status_code == 409
    assert "schedule is not possible" in answer.json()["detail"]


def test_a_draft_whose_window_went_by_names_its_end(api: Caller) -> None:
    draft = make_draft(starts_at=from_now(-10), ends_at=from_now(-1))

    answer = api.post(f"mailings/{draft.id}/schedule/")

    assert answer.status_code == 400
    assert errors_of(answer) == {"ends_at": "Choose an end that is still to come."}
    api.patch(f"mailings/{draft.id}/", {"ends_at": from_now(60).isoformat()})
    assert api.post(f"mailings/{draft.id}/schedule/").status_code == 200


def test_a_draft_whose_provider_is_gone_names_those_that_are_there(api: Caller) -> None:
    draft = make_draft(provider="pigeon")

    answer = api.post(f"mailings/{draft.id}/schedule/")

    assert answer.status_code == 400
    assert "console" in errors_of(answer)["provider"]


def test_a_draft_may_be_cancelled(api: Caller) -> None:
    draft = make_draft()

    assert api.post(f"mailings/{draft.id}/cancel/").json()["state"] == "cancelled"
