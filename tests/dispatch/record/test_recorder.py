"""Claims, marks and outcomes: which worker may hand over a message, and which state results."""

import pytest

from tests.builders import counts, from_now, kept_counts, make_running
from tests.dispatch.sent import expire_leases
from vestnik.db import sql
from vestnik.dispatch.record import claims, due_messages
from vestnik.dispatch.record.recorder import (
    LeaseLost,
    OutcomeBatch,
    record_and_mark,
    record_and_release,
    record_late,
)
from vestnik.dispatch.states import STORED_STATES
from vestnik.dispatch.transitions.lease import CLAIM
from vestnik.dispatch.transitions.record import RECORD_AND_MARK, RECORD_AND_RELEASE
from vestnik.mailings.models import CANCEL, PAUSE, Mailing

pytestmark = pytest.mark.django_db

LEASE = 30.0


def claim_of(mailing: Mailing) -> claims.Claim:
    claim = claims.claim(mailing.provider, LEASE)
    assert claim is not None
    assert claim.mailing_id == mailing.id
    return claim


def mark_in_flight(claim: claims.Claim, ids: list[int], lease: float = LEASE) -> OutcomeBatch:
    """Mark a flight; return the batch for its outcomes."""
    attempt = claims.new_id()
    mark = record_and_mark(claim, OutcomeBatch(), ids, attempt, lease)
    assert mark is not None
    return OutcomeBatch(attempt, mark.marked_at)


def due_ids(claim: claims.Claim) -> list[int]:
    return [message.message_id for message in due_messages.load_queued(claim)[0]]


def assert_it_adds_up(mailing: Mailing) -> None:
    assert kept_counts(mailing, STORED_STATES) == counts(mailing)


@pytest.mark.parametrize(
    "statement", [CLAIM, due_messages.LOAD, RECORD_AND_MARK, RECORD_AND_RELEASE]
)
def test_psycopg_remembers_what_it_made_of_a_hot_statement(statement: str) -> None:
    """psycopg parses a longer statement at each call."""
    assert len(statement) <= 4096


def test_a_batch_is_claimed_once():
    mailing = make_running()
    assert claim_of(mailing).queued == 10
    assert claims.claim("null", LEASE) is None


def test_batches_of_another_provider_are_left_alone():
    make_running(provider="console")
    assert claims.claim("null", LEASE) is None


@pytest.mark.parametrize("transition", [PAUSE, CANCEL])
def test_what_does_not_run_is_not_claimed(transition):
    make_running().apply(transition, actor="test")
    assert claims.claim("null", LEASE) is None


def test_what_has_ended_is_not_claimed():
    mailing = make_running(starts_in=-10)
    Mailing.objects.filter(id=mailing.id).update(ends_at=mailing.started_at)
    assert claims.claim("null", LEASE) is None


def test_a_resting_mailing_is_passed_over():
    mailing = make_running()
    assert claims.claim("null", LEASE, [mailing.id]) is None


def test_the_mailing_with_the_fewest_claims_is_next():
    big = make_running(clients=3000)
    claim_of(big)
    small = make_running_over_the_same(big)
    assert claims.claim("null", LEASE).mailing_id == small.id


def make_running_over_the_same(other: Mailing) -> Mailing:
    from tests.builders import enlist_all, make_mailing
    from vestnik.dispatch.prepare.launch import launch

    mailing = make_mailing(provider=other.provider)
    assert launch(mailing.id)
    enlist_all(mailing)
    return mailing


def test_each_outcome_becomes_its_state():
    mailing = make_running(clients=4)
    claim = claim_of(mailing)
    sent, refused, later, unknown = due_ids(claim)
    settled = mark_in_flight(claim, [sent, refused, later, unknown])
    settled.add(sent, "sent", 0.25, provider_id="abc")
    settled.add(refused, "failed", 0.25, error="8: no such number")
    settled.add(later, "queued", 0.25, error="throttled", retry_in=60)
    settled.add(unknown, "unknown", 0.25, error="no answer")
    assert record_and_release(claim, settled, wait=60)

    assert counts(mailing) == {"failed": 1, "queued": 1, "sent": 1, "unknown": 1}
    assert_it_adds_up(mailing)
    message = mailing.messages.get(id=sent)
    assert (message.provider_message_id, message.error, message.attempts) == ("abc", None, 1)
    assert (message.sent_at - settled.marked_at).total_seconds() == pytest.approx(0.25)
    assert mailing.messages.get(id=refused).error == "8: no such number"
    assert mailing.messages.get(id=unknown).attempt_id == settled.attempt_id
    batch = mailing.batches.get()
    assert (batch.state, batch.in_flight, batch.claim_id) == ("waiting", [], None)


def test_attempts_without_end_are_counted_as_far_as_they_fit():
    mailing = make_running(clients=2)
    mailing.messages.update(attempts=32767)
    claim = claim_of(mailing)
    deferred, lost = due_ids(claim)
    settled = mark_in_flight(claim, [deferred])
    settled.add(deferred, "queued", 0.0, error="throttled", retry_in=60)
    assert record_and_mark(claim, settled, [lost], claims.new_id(), LEASE) is not None
    expire_leases()
    assert set(mailing.messages.values_list("state", "attempts")) == {
        ("queued", 32767),
        ("unknown", 32767),
    }


def test_a_deferred_message_is_not_due_before_its_time():
    mailing = make_running(clients=2)
    claim = claim_of(mailing)
    first, second = due_ids(claim)
    settled = mark_in_flight(claim, [first])
    settled.add(first, "queued", 0.0, error="throttled", retry_in=60)
    assert record_and_release(claim, settled)
    due, wait = due_messages.load_queued(claim_of(mailing))
    assert [message.message_id for message in due] == [second]
    assert 50 < wait <= 60


def test_a_waiting_batch_wakes_when_it_is_due():
    mailing = make_running(clients=1)
    claim = claim_of(mailing)
    assert record_and_release(claim, OutcomeBatch(), wait=60)
    assert 50 < claims.next_due("null") <= 60
    claims.promote_due()
    assert claims.claim("null", LEASE) is None
    sql.run("UPDATE dispatch_batch SET due_at = clock_timestamp() - interval '1 microsecond'")
    claims.promote_due()
    claim_of(mailing)


@pytest.mark.parametrize("transition", [PAUSE, CANCEL])
def test_no_flight_is_marked_once_the_mailing_does_not_run(transition):
    mailing = make_running(clients=2)
    claim = claim_of(mailing)
    first, second = due_ids(claim)
    settled = mark_in_flight(claim, [first])
    mailing.apply(transition, actor="test")
    settled.add(first, "sent", 0.0)
    assert record_and_mark(claim, settled, [second], claims.new_id(), LEASE) is None
    assert record_and_release(claim, OutcomeBatch())
    assert counts(mailing) == {"queued": 1, "sent": 1}
    assert mailing.batches.get().in_flight == []


def test_no_flight_is_marked_at_the_end():
    mailing = make_running(clients=1, starts_in=-10)
    claim = claim_of(mailing)
    Mailing.objects.filter(id=mailing.id).update(ends_at=mailing.started_at)
    assert record_and_mark(claim, OutcomeBatch(), due_ids(claim), claims.new_id(), LEASE) is None


# A function that is found before the real one: each call is two seconds later than the last.
STRANGE_CLOCK = """
CREATE SCHEMA strange;
CREATE SEQUENCE strange.looks;
CREATE FUNCTION strange.clock_timestamp() RETURNS timestamptz VOLATILE LANGUAGE sql AS $$
    SELECT pg_catalog.clock_timestamp() + nextval('strange.looks') * interval '2 seconds'
$$;
SET LOCAL search_path = strange, pg_catalog, public
"""


def test_whether_a_flight_may_leave_is_asked_once():
    """Evaluated for each column, the end could come between the ids in flight and their attempt."""
    mailing = make_running(clients=1)
    claim = claim_of(mailing)
    ids = due_ids(claim)
    Mailing.objects.filter(id=mailing.id).update(ends_at=from_now(5))
    attempt = claims.new_id()
    sql.run(STRANGE_CLOCK)
    assert record_and_mark(claim, OutcomeBatch(), ids, attempt, LEASE) is not None
    batch = mailing.batches.get()
    assert (batch.in_flight, batch.attempt_id) == (ids, attempt)


def test_no_flight_is_marked_after_the_lease():
    mailing = make_running(clients=1)
    claim = claim_of(mailing)
    ids = due_ids(claim)
    expire_leases()
    with pytest.raises(LeaseLost):
        record_and_mark(claim, OutcomeBatch(), ids, claims.new_id(), LEASE)


def test_a_lost_lease_puts_in_doubt_what_was_in_flight_and_nothing_else():
    mailing = make_running(clients=3)
    claim = claim_of(mailing)
    first, *others = due_ids(claim)
    mark_in_flight(claim, [first])
    expire_leases()
    assert counts(mailing) == {"queued": 2, "unknown": 1}
    assert mailing.messages.get(state="unknown").id == first
    assert_it_adds_up(mailing)
    assert due_ids(claim_of(mailing)) == others


def test_the_late_word_of_its_own_worker_settles_the_unknown():
    mailing = make_running(clients=3)
    claim = claim_of(mailing)
    first, second, third = due_ids(claim)
    settled = mark_in_flight(claim, [first, second, third])
    expire_leases()
    assert counts(mailing) == {"unknown": 3}
    settled.add(first, "sent", 0.1)
    settled.add(second, "failed", 0.1, error="8: no")
    settled.not_sent.append(third)
    assert not record_and_release(claim, settled)
    assert record_late(claim, settled) == 3
    assert counts(mailing) == {"failed": 1, "queued": 1, "sent": 1}
    assert_it_adds_up(mailing)
    assert due_ids(claim_of(mailing)) == [third]


def test_what_did_not_leave_and_comes_to_light_after_a_cancel_has_failed():
    mailing = make_running(clients=1)
    claim = claim_of(mailing)
    settled = mark_in_flight(claim, due_ids(claim))
    expire_leases()
    mailing.apply(CANCEL, actor="test")
    settled.not_sent.extend(due_ids(claim) or [mailing.messages.get().id])
    record_late(claim, settled)
    assert mailing.messages.get().state == "failed"
    assert_it_adds_up(mailing)


def test_a_stale_answer_changes_nothing():
    mailing = make_running(clients=1)
    claim = claim_of(mailing)
    ids = due_ids(claim)
    stale = mark_in_flight(claim, ids)
    expire_leases()
    sql.run("UPDATE dispatch_message SET attempt_id = attempt_id + 1")
    stale.add(ids[0], "sent", 0.1)
    assert record_late(claim, stale) == 0
    assert counts(mailing) == {"unknown": 1}


def test_recording_twice_counts_once():
    mailing = make_running(clients=1)
    claim = claim_of(mailing)
    ids = due_ids(claim)
    settled = mark_in_flight(claim, ids)
    settled.add(ids[0], "sent", 0.1)
    assert record_and_release(claim, settled)
    assert not record_and_release(claim, settled)
    assert record_late(claim, settled) == 0
    assert counts(mailing) == {"sent": 1}
    assert_it_adds_up(mailing)
