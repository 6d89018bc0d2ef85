"""Late answers: a provider's word on a hand-over that had been given up, when it is `unknown`.

Like a worker's own late outcomes it settles only what still carries its attempt.
"""

from dataclasses import dataclass
from datetime import datetime

from vestnik.dispatch.receive import receipts
from vestnik.dispatch.record.claims import Claim
from vestnik.dispatch.record.due_messages import QueuedMessage
from vestnik.dispatch.record.outcome_batch import OutcomeBatch
from vestnik.dispatch.record.outcome_policy import add_outcome
from vestnik.dispatch.record.recorder import record_late
from vestnik.providers.base import LateOutcome
from vestnik.providers.registry import describe


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is noted of a message in doubt; `departed` is in seconds after `marked_at`."""

    batch: Claim
    attempt_id: int | None
    marked_at: datetime | None
    message: QueuedMessage
    departed: float


def apply(late: LateOutcome) -> bool:
    """Settle what is unknown by it; False where nothing was, perhaps as it is not recorded yet."""
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
