"""Marking flights and recording their outcomes.

A flight is marked, and committed, before its first byte goes out: its ids stand in the batch's
`in_flight`, under an `attempt_id` of its own. Recording flight k and marking flight k + 1 is one
statement. That statement is where pause, cancel, STOP, the end, a new text and a lost lease take
hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import structlog

from vestnik.db import sql
from vestnik.db.sql import array
from vestnik.dispatch.record.claims import Claim
from vestnik.dispatch.record.outcome_batch import OutcomeBatch
from vestnik.dispatch.suppress.opt_out import sweep_batch
from vestnik.dispatch.suppress.revocation import recheck
from vestnik.dispatch.transitions.record import (
    RECORD_AND_MARK,
    RECORD_AND_RELEASE,
    RECORD_LATE,
    STILL_MARKED,
)
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

log = structlog.get_logger(__name__)

MAILING_ENDED = Reason(Code.MAILING_ENDED)


class LeaseLost(Exception):
    """The batch is not ours any more."""


class Mismatch(Exception):
    """Rows of messages in flight were changed by somebody who is not their worker."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A flight that may leave: since when, by the database's clock, and how long until the end."""

    marked_at: datetime
    seconds_to_end: float


class Marked(NamedTuple):
    """How many outcomes were recorded, and whether the next flight is marked, since when and until
    when."""

    recorded: int
    marked: bool
    marked_at: datetime
    seconds_to_end: float


def record_and_mark(
    batch: Claim,
    outcomes: OutcomeBatch,
    flight: Sequence[int],
    attempt_id: int,
    lease: float,
    out: Sequence[int] = (),
    zones: Sequence[str] | None = None,
    closes: datetime | None = None,
) -> Mark | None:
    """Record the outcomes known and mark the next flight, in one statement. What is still `out`
    stays in flight, under the new attempt. With local hours only clients of these zones are in
    the next flight, and it leaves before they close.

    None where the next must not leave: paused, cancelled, ended, another text since it was claimed,
    or somebody of it was stopped, deleted or changed, who is then taken out or written to anew.
    Raises LeaseLost where the batch is not ours any more; then nothing was recorded.
    """
    found = sql.prepared_row_of(
        Marked,
        RECORD_AND_MARK,
        _parameters(batch, outcomes)
        | {
            "out": array(out),
            "next_ids": array(flight),
            "next_attempt": attempt_id,
            "lease": lease,
            "zones": None if zones is None else [*zones],
            "closes": closes,
        },
    )
    if found is None:
        raise LeaseLost
    _check(batch, outcomes, found.recorded)
    if found.marked:
        return Mark(found.marked_at, found.seconds_to_end)
    if flight:  # somebody of it may have been stopped, deleted or changed
        sweep_batch(batch.batch_id)
        recheck(batch.batch_id)
    return None


def seconds_to_end(
    batch: Claim,
    flight: Sequence[int],
    attempt_id: int,
    zones: Sequence[str] | None = None,
    closes: datetime | None = None,
) -> float | None:
    """Of a marked flight, how long it is until the end; None where it must not leave any more."""
    found: float | None = sql.value(
        STILL_MARKED,
        {
            "batch": batch.batch_id,
            "claim": batch.claim_id,
            "attempt": attempt_id,
            "text_version": batch.text_version,
            "next_ids": array(flight),
            "zones": None if zones is None else [*zones],
            "closes": closes,
        },
    )
    return found


def record_and_release(
    batch: Claim, outcomes: OutcomeBatch, *, wait: float = 0.0, served: int = 0
) -> str | None:
    """Record a flight's outcomes and let the batch go, for `wait` seconds or to be claimed now; its
    state then. Under this claim `served` messages were handed over.

    None where the batch is not ours any more, or under another attempt: nothing was recorded.
    """
    seconds = min(max(served, 1) / batch.rate, batch.longest_turn)
    turn = {"served": served, "seconds": seconds, "virtual_time": batch.virtual_time}
    found = sql.prepared_row(
        RECORD_AND_RELEASE, _parameters(batch, outcomes) | turn | {"wait": max(wait, 0.0)}
    )
    if found is None:
        return None
    recorded, state = found
    _check(batch, outcomes, recorded)
    return str(state)


def record_late(batch: Claim, outcomes: OutcomeBatch) -> int:
    """Record the outcomes of a flight whose lease was taken back; how many they settled."""
    parameters = _parameters(batch, outcomes.with_not_sent())
    parameters |= {"ended": MAILING_ENDED.text, "ended_reason": MAILING_ENDED.json}
    count: int = sql.value(RECORD_LATE, parameters) or 0
    log.info("late outcomes", mailing=batch.mailing_id, batch=batch.batch_id, settled=count)
    return count


def _parameters(batch: Claim, outcomes: OutcomeBatch) -> dict[str, object]:
    return outcomes.parameters() | {
        "alias": batch.alias,
        "batch": batch.batch_id,
        "claim": batch.claim_id,
        "mailing": batch.mailing_id,
        "receipts": batch.receipts,
        "text_version": batch.text_version,
    }


def _check(batch: Claim, outcomes: OutcomeBatch, recorded: int) -> None:
    if recorded != len(outcomes.ids):
        raise Mismatch(f"batch {batch.batch_id}: {recorded} rows for {len(outcomes.ids)} outcomes")
