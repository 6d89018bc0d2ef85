"""A doubtful attempt is remembered until it is settled, also after the message is queued again."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.builders import (
    counts,
    end,
    from_now,
    make_running,
)
from tests.dispatch.sent import add, assert_it_adds_up, claim_of, due_ids, mark_in_flight, record
from tests.gateways.builders import outgoing
from vestnik.audience.stop_list import Source
from vestnik.dispatch.prepare.new_text import change, renew
from vestnik.dispatch.receive import receipts
from vestnik.dispatch.receive.late_responses import Attempt, apply
from vestnik.dispatch.reconcile import closing, unknown_messages
from vestnik.dispatch.record import claims, due_messages
from vestnik.dispatch.record.outcome_policy import add_outcome
from vestnik.dispatch.record.recorder import OutcomeBatch, record_and_mark, record_and_release
from vestnik.dispatch.suppress import opt_out
from vestnik.dispatch.suppress.revocation import delete_client
from vestnik.mailings.models import CANCEL, Mailing
from vestnik.providers.base import Deferred, LateOutcome, Receipt, Rejected, Unknown
from vestnik.providers.registry import describe

pytestmark = pytest.mark.django_db


def resent(clients: int = 2, **fields: Any) -> Mailing:
    """One message is queued again after a doubtful attempt; the others were never sent."""
    mailing = make_running(clients, starts_in=-10, **fields)
    record(mailing, ["unknown"])
    assert unknown_messages.resend(mailing, actor="test") == 1
    return mailing


def doubted(mailing: Mailing) -> int:
    return int(mailing.messages.get(doubted_attempt_id__isnull=False).id)


def close_at_end(mailing: Mailing) -> None:
    end(mailing)
    closing.close(mailing.id)


def cancel(mailing: Mailing) -> None:
    mailing.refresh_from_db()
    mailing.apply(CANCEL, actor="test")
    closing.close(mailing.id)


def delete(mailing: Mailing) -> None:
    for message in mailing.messages.all():
        delete_client(message.client_id or 0)


def stop(mailing: Mailing) -> None:
    opt_out.stop_numbers([message.phone_number for message in mailing.messages.all()], Source.API)


@pytest.mark.parametrize(
    ("over", "others"),
    [
        (close_at_end, "expired"),
        (cancel, "cancelled"),
        (delete, "cancelled"),
        (stop, "suppressed"),
    ],
)
def test_it_is_unknown_when_the_message_is_over(
    over: Callable[[Mailing], None], others: str
) -> None:
    mailing = resent()
    over(mailing)
    assert counts(mailing) == {others: 1, "unknown": 1}
    assert mailing.messages.get(state="unknown").attempt_id is not None
    assert_it_adds_up(mailing)


@pytest.mark.parametrize(
    "outcome", [Rejected("8", "no such number"), Deferred("refused")], ids=["refused", "last"]
)
def test_it_is_unknown_when_the_last_attempt_fails(outcome: Any, settings: Any) -> None:
    settings.SMS_PROVIDERS = {"null": {"BACKEND": "null", "OPTIONS": {"max_attempts": "2"}}}
    describe.cache_clear()
    mailing = resent(clients=1)
    claim = claim_of(mailing)
    (message,) = due_messages.load_queued(claim)[0]
    settled = mark_in_flight(claim, [message.message_id])
    add_outcome(settled, describe("null"), claim, message, outcome, 0.1)
    assert record_and_release(claim, settled)
    describe.cache_clear()
    assert counts(mailing) == {"unknown": 1}
    assert_it_adds_up(mailing)


def test_it_is_remembered_by_the_policy_that_sends_again(settings: Any) -> None:
    settings.SMS_PROVIDERS = {"null": {"BACKEND": "null", "OPTIONS": {"in_doubt": "resend"}}}
    describe.cache_clear()
    mailing = make_running(1, starts_in=-10)
    claim = claim_of(mailing)
    (message,) = due_messages.load_queued(claim)[0]
    settled = mark_in_flight(claim, [message.message_id])
    add_outcome(settled, describe("null"), claim, message, Unknown("no answer"), 0.1)
    assert record_and_release(claim, settled, wait=1)
    assert counts(mailing) == {"queued": 1}
    close_at_end(mailing)
    unknown_messages.resend_automatically(["null"])
    describe.cache_clear()
    assert counts(mailing) == {"unknown": 1}
    assert_it_adds_up(mailing)


@pytest.mark.parametrize("when", ["queued", "claimed", "ended", "given up"])
def test_a_receipt_for_an_earlier_attempt_settles_it(when: str) -> None:
    mailing = resent(clients=1)
    message = doubted(mailing)
    if when == "ended":
        close_at_end(mailing)
    elif when == "given up":
        record(mailing, ["unknown"])
        unknown_messages.give_up(mailing, actor="test")
    claim = claim_of(mailing) if when == "claimed" else None
    receipts.apply("null", [Receipt("null", "delivered", from_now(0), message_id=message)])
    assert counts(mailing) == {"delivered": 1}
    assert_it_adds_up(mailing)
    if claim:
        assert record_and_mark(claim, OutcomeBatch(), [message], claims.new_id(), 30) is None
        assert record_and_release(claim, OutcomeBatch())
    assert mailing.batches.get().state == "done"


def test_a_late_refusal_of_the_second_attempt_leaves_the_first_in_doubt(settings: Any) -> None:
    settings.SMS_PROVIDERS = {"null": {"BACKEND": "null", "OPTIONS": {}}}
    describe.cache_clear()
    mailing = resent(clients=1)
    claim = claim_of(mailing)
    (message,) = due_messages.load_queued(claim)[0]
    settled = mark_in_flight(claim, [message.message_id])
    add(settled, message.message_id, "unknown")
    assert record_and_release(claim, settled)
    sent = outgoing(message.message_id)
    sent.attempt = Attempt(claim, settled.attempt_id, settled.marked_at, message, 0.1)
    assert apply(LateOutcome(sent, Rejected("8", "no such number")))
    describe.cache_clear()
    assert counts(mailing) == {"unknown": 1}
    assert mailing.messages.get().attempt_id == message.earlier_attempt
    assert_it_adds_up(mailing)


def test_it_is_not_sent_again_by_itself_after_another_attempt_was_refused() -> None:
    mailing = resent(clients=1)
    claim = claim_of(mailing)
    ids = due_ids(claim)
    settled = mark_in_flight(claim, ids)
    settled.add(ids[0], "doubted", 0.1, error="8: no such number")
    assert record_and_release(claim, settled)
    unknown_messages.resend_automatically(["null"])
    assert counts(mailing) == {"unknown": 1}
    assert unknown_messages.resend(mailing, actor="test") == 1


def test_what_was_sent_after_all_is_sent() -> None:
    mailing = resent(clients=1)
    record(mailing, ["sent"])
    close_at_end(mailing)
    assert counts(mailing) == {"sent": 1}
    assert_it_adds_up(mailing)


def test_it_is_unknown_when_a_new_text_has_no_value_for_its_client() -> None:
    mailing = resent(clients=1)
    change(mailing, {"text": "{{ name }}"}, actor="test")
    assert renew(mailing.batches.get().id) == 1
    assert counts(mailing) == {"unknown": 1}
    assert_it_adds_up(mailing)
