"""Messages that were handed over, with the outcomes that a test needs."""

from collections.abc import Sequence

from tests.builders import counts, kept_counts
from vestnik.db import sql
from vestnik.dispatch.record import claims, due_messages
from vestnik.dispatch.record.recorder import OutcomeBatch, record_and_mark, record_and_release
from vestnik.dispatch.states import STORED_STATES
from vestnik.mailings.models import Mailing

LEASE = 30.0
RUN_OUT = "UPDATE dispatch_batch SET due_at = clock_timestamp() - interval '1 second'"


def claim_of(mailing: Mailing) -> claims.Claim:
    claim = claims.claim(mailing.provider, LEASE)
    assert claim is not None
    assert claim.mailing_id == mailing.id
    return claim


def due_ids(claim: claims.Claim) -> list[int]:
    return [message.message_id for message in due_messages.load_queued(claim)[0]]


def mark_in_flight(claim: claims.Claim, ids: Sequence[int]) -> OutcomeBatch:
    """Mark a flight; return the batch for its outcomes."""
    attempt = claims.new_id()
    mark = record_and_mark(claim, OutcomeBatch(), ids, attempt, LEASE)
    assert mark is not None
    return OutcomeBatch(attempt, mark.marked_at)


def record(mailing: Mailing, states: Sequence[str], first: int = 1) -> list[int]:
    """Hand over the next messages of a batch with these resulting states; return their ids.

    Sent messages have the provider's ids p-1, p-2 and so on, by position.
    """
    claim = claim_of(mailing)
    ids = due_ids(claim)[: len(states)]
    settled = mark_in_flight(claim, ids)
    for place, (message, state) in enumerate(zip(ids, states, strict=True), first):
        add(settled, message, state, f"p-{place}")
    assert record_and_release(claim, settled)
    return ids


def add(settled: OutcomeBatch, message: int, state: str, provider_id: str = "") -> None:
    if state == "sent":
        settled.add(message, state, 0.1, provider_id=provider_id)
        settled.add_parts(message, [provider_id] if provider_id else [])
    else:
        settled.add(message, state, 0.1, error="8: as the test wants")


def run_out_leases() -> None:
    """Let all leases be over."""
    sql.run(RUN_OUT)


def expire_leases() -> None:
    """Let all leases be over, and take them back."""
    run_out_leases()
    claims.rescue_expired()


def assert_it_adds_up(mailing: Mailing) -> None:
    assert kept_counts(mailing, STORED_STATES) == counts(mailing)
