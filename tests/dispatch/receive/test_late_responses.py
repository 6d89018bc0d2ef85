"""A provider's answer after the deadline settles its unknown message, and no other."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.builders import counts, from_now, make_running
from tests.dispatch.dispatching import provider
from tests.dispatch.sent import assert_it_adds_up, claim_of, mark_in_flight
from tests.gateways.builders import outgoing
from vestnik.dispatch.models import HandOver
from vestnik.dispatch.receive import late_responses, receipts
from vestnik.dispatch.receive.late_responses import Attempt
from vestnik.dispatch.record import claims, due_messages
from vestnik.dispatch.record.recorder import record_and_release
from vestnik.mailings.models import Mailing
from vestnik.providers.base import (
    Accepted,
    Deferred,
    LateOutcome,
    Outcome,
    Receipt,
    Rejected,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("null")]


@pytest.fixture
def null(settings: Any) -> Iterator[None]:
    with provider(settings, "null", "null"):
        yield


def given_up(mailing: Mailing, outcome: Outcome) -> LateOutcome:
    """Return the late answer to a message that is recorded as unknown."""
    claim = claim_of(mailing)
    (queued, *_), _ = due_messages.load_queued(claim)
    settled = mark_in_flight(claim, [queued.message_id])
    settled.add(queued.message_id, "unknown", 0.1, error="no answer within 1 s")
    assert record_and_release(claim, settled)
    message = outgoing(queued.message_id)
    message.attempt = Attempt(claim, settled.attempt_id, settled.marked_at, queued, 0.1)
    return LateOutcome(message, outcome)


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Accepted("late-1"), "sent"),
        (Rejected("8", "no such number"), "failed"),
        (Deferred("throttled", 1.0, provider_wide=True), "queued"),
    ],
)
def test_it_settles_the_unknown(outcome: Outcome, state: str) -> None:
    mailing = make_running(1)
    answer = given_up(mailing, outcome)
    assert late_responses.apply(answer)
    assert counts(mailing) == {state: 1}
    assert_it_adds_up(mailing)
    assert not late_responses.apply(answer)


def test_a_receipt_finds_it_by_the_late_id() -> None:
    mailing = make_running(1)
    answer = given_up(mailing, Accepted("late-1"))
    receipts.apply("null", [Receipt("null", "delivered", from_now(0), provider_id="late-1")])
    assert counts(mailing) == {"unknown": 1}
    late_responses.apply(answer)
    assert counts(mailing) == {"delivered": 1}
    assert HandOver.objects.get().provider_message_id == "late-1"


def test_one_of_another_attempt_changes_nothing() -> None:
    mailing = make_running(1)
    answer = given_up(mailing, Accepted("late-1"))
    mailing.messages.update(attempt_id=claims.new_id())
    assert not late_responses.apply(answer)
    assert counts(mailing) == {"unknown": 1}


def test_one_that_nobody_gave_up_changes_nothing() -> None:
    assert not late_responses.apply(LateOutcome(outgoing(), Accepted("x")))
