"""Marking flights and recording their outcomes.

A flight is marked, and the mark committed, before its first byte leaves: the mark writes the ids
into the batch's `in_flight` under a new `attempt_id`. One statement records flight k and marks
flight k + 1. Pause, cancel, STOP, the end, a new text and a lost lease take effect in that
statement.
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
    """Another worker may hold the batch: this worker's claim or attempt is no longer in its row."""


class Mismatch(Exception):
    """Messages in flight were changed by another transaction than their worker's: a defect."""

    def __init__(self, batch: Claim, outcomes: OutcomeBatch, rows: int) -> None:
        super().__init__(f"batch {batch.batch_id}: {rows} rows for {len(outcomes.ids)} outcomes")


@dataclass(frozen=True, slots=True)
class Mark:
    """A marked flight: when it was marked, by the database's clock, and the seconds to the end."""

    marked_at: datetime
    seconds_to_end: float


class Marked(NamedTuple):
    """The row of RECORD_AND_MARK: the number of outcomes recorded, and the mark of the next
    flight."""

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
    """Record the known outcomes and mark the next flight, in one statement.

    Messages that are still `out` stay in flight, under the new attempt. With local hours, `zones`
    are the time zones that the flight's clients must have, and `closes` is when the first zone
    closes.

    Return None if the flight must not leave: the mailing is paused, cancelled or ended, or its text
    has changed since the claim, or a client of the flight was stopped, deleted or changed. Messages
    of such clients are taken back or corrected before the batch is claimed again. Raise LeaseLost
    if this worker no longer holds the batch; then nothing was recorded.
    """
    rows = sql.rows(
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
        of=Marked,
        prepared=True,
    )
    if not rows:
        raise LeaseLost
    (row,) = rows
    if row.recorded != len(outcomes.ids):
        raise Mismatch(batch, outcomes, row.recorded)
    if row.marked:
        return Mark(row.marked_at, row.seconds_to_end)
    # A client of the flight may have been stopped, deleted or changed: take those messages back.
    if flight:
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
    """Return the seconds to the end for a marked flight; None if it must no longer leave."""
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
    """Record a flight's outcomes and release the batch; return the state of the batch.

    The batch can be claimed again after `wait` seconds. `served` is the number of messages handed
    over under this claim. Return None if this worker no longer holds the batch, or holds it under
    another attempt: then nothing was recorded.
    """
    seconds = min(max(served, 1) / batch.rate, batch.longest_turn)
    turn = {"served": served, "seconds": seconds, "virtual_time": batch.virtual_time}
    parameters = _parameters(batch, outcomes) | turn | {"wait": max(wait, 0.0)}
    rows = sql.rows(RECORD_AND_RELEASE, parameters, prepared=True)
    if not rows:
        return None
    ((recorded, state),) = rows
    if recorded != len(outcomes.ids):
        raise Mismatch(batch, outcomes, recorded)
    return str(state)


def record_late(batch: Claim, outcomes: OutcomeBatch) -> int:
    """Record the outcomes of a flight whose lease was taken back; return how many were settled."""
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
