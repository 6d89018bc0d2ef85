"""Late responses: a provider answers a hand-over after its deadline, when the message is `unknown`.

Like a worker's late outcome, it settles only a message that still carries its attempt.
"""

from dataclasses import dataclass
from datetime import datetime

from vestnik.dispatch.receive import receipts
from vestnik.dispatch.record.claims import Claim
from vestnik.dispatch.record.due_messages import QueuedMessage
from vestnik.dispatch.record.outcome_policy import add_outcome
from vestnik.dispatch.record.recorder import OutcomeBatch, record_late
from vestnik.providers.base import LateOutcome
from vestnik.providers.registry import describe


@dataclass(frozen=True, slots=True)
class Attempt:
    """The attempt of an unknown message; `departed` is in seconds after `marked_at`."""

    batch: Claim
    attempt_id: int | None
    marked_at: datetime | None
    message: QueuedMessage
    departed: float


def apply(late: LateOutcome) -> bool:
    """Settle the unknown message of a late response; return whether there was one.

    False may also mean that its flight is not recorded yet.
    """
    attempt = late.message.attempt
    if not isinstance(attempt, Attempt):
        return False
    batch, outcomes = attempt.batch, OutcomeBatch(attempt.attempt_id, attempt.marked_at)
    provider = describe(batch.alias)
    add_outcome(outcomes, provider, batch, attempt.message, late.outcome, attempt.departed)
    is_recorded = record_late(batch, outcomes) > 0
    if is_recorded and batch.receipts:
        receipts.apply_kept(batch.alias, outcomes.part_ids, outcomes.ids)
    return is_recorded
