"""Marking flights and recording their outcomes.

A flight is marked, and the mark committed, before its first byte leaves: the mark writes the ids
into the batch's `in_flight` under a new `attempt_id`. One statement records flight k and marks
flight k + 1. Pause, cancel, STOP, the end, a new text and a lost lease take effect in that
statement.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import NamedTuple

import structlog

from vestnik.db import sql
from vestnik.db.sql import array
from vestnik.dispatch.record.claims import Claim
from vestnik.dispatch.record.due_messages import QueuedMessage
from vestnik.dispatch.states import DOUBTED, FAILED, QUEUED, RESENT, SENT, UNKNOWN
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
#: ASCII "unit separator". Texts of outcomes go through `storable`, which removes control
#: characters.
SEPARATOR = "\x1f"


@dataclass(slots=True)
class OutcomeBatch:
    """The outcomes of one flight; empty before the first flight.

    `states` are message states, or RESENT or DOUBTED (see `states`). `departed` is in seconds after
    the flight's mark. `retries` are in seconds after the recording; -1 is no retry.
    """

    attempt_id: int | None = None
    marked_at: datetime | None = None
    ids: list[int] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    departed: list[float] = field(default_factory=list)
    provider_ids: list[str] = field(default_factory=list)
    reasons: list[Reason | None] = field(default_factory=list)
    retries: list[float] = field(default_factory=list)
    #: For each part of a message: the provider's id, the message's id, and its number of parts.
    part_ids: list[str] = field(default_factory=list)
    part_owners: list[int] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)
    #: Messages that did not leave in time: nothing is recorded for them.
    not_sent: list[int] = field(default_factory=list)

    def add(
        self,
        message_id: int,
        state: str,
        departed: float,
        *,
        provider_id: str = "",
        error: str = "",
        retry_in: float = -1.0,
    ) -> None:
        self.ids.append(message_id)
        self.states.append(state)
        self.departed.append(departed)
        self.provider_ids.append(provider_id)
        self.reasons.append(Reason.of(error).fit() if error else None)
        self.retries.append(retry_in)

    def add_parts(self, message_id: int, part_ids: Sequence[str]) -> None:
        """Add the provider's ids by which receipts find the message."""
        for part_id in part_ids:
            self.part_ids.append(part_id)
            self.part_owners.append(message_id)
            self.parts.append(len(part_ids))

    def not_sent_of(self, flight: Sequence[QueuedMessage]) -> list[QueuedMessage]:
        """Return the messages of the flight that did not leave and may join the next flight."""
        not_sent = set(self.not_sent)
        return [message for message in flight if message.message_id in not_sent] if not_sent else []

    def first_retry(self, otherwise: float | None) -> float | None:
        """Return the seconds until the first temporarily refused message is due again."""
        waits = [wait for wait in self.retries if wait >= 0]
        return min([*waits, *([] if otherwise is None else [otherwise])], default=None)

    def with_not_sent(self) -> "OutcomeBatch":
        """Add the messages that did not leave as `queued`, and return this batch.

        Needed after the lease was taken back: those messages have become unknown.
        """
        for message_id in self.not_sent:
            self.add(message_id, QUEUED, 0.0)
        self.not_sent = []
        return self

    def extend(self, other: "OutcomeBatch") -> None:
        """Append the outcomes of `other`."""
        for column in fields(self):
            mine = getattr(self, column.name)
            if isinstance(mine, list):
                mine.extend(getattr(other, column.name))

    def last_refusal(self) -> Reason | None:
        """Return the reason of the last permanently refused message; None without one."""
        reasons = (r for s, r in zip(self.states, self.reasons, strict=True) if s == FAILED)
        return next(reversed([*reasons]), None)

    def parameters(self) -> dict[str, object]:
        """Return the columns as text and the counts, as parameters of the recording statements.

        Text costs 0.3 µs a message; psycopg's dumping of arrays costs 2 µs. Without reasons their
        columns are empty: `unnest` fills the shorter columns with nulls.
        """
        reasons = self.reasons if any(self.reasons) else ()
        counted = Counter(self.states)
        owners = zip(self.part_owners, self.parts, strict=True)
        last = dict(zip(self.part_ids, owners, strict=True))
        # Sorted: two flights that insert the same ids lock them in the same order. An id that the
        # provider gave twice belongs to the last message that got it.
        part_ids = sorted(last)
        return {
            "ids": array(self.ids),
            "states": "{" + ",".join(self.states) + "}",
            "departed": array(self.departed),
            "provider_ids": SEPARATOR.join(self.provider_ids) if any(self.provider_ids) else "",
            "errors": SEPARATOR.join(r.text if r else "" for r in reasons),
            "reasons": SEPARATOR.join(r.json if r else "" for r in reasons),
            "retries": array(self.retries if max(self.retries, default=-1.0) >= 0 else ()),
            "part_ids": SEPARATOR.join(part_ids),
            "part_owners": array([last[part_id][0] for part_id in part_ids]),
            "parts": array([last[part_id][1] for part_id in part_ids]),
            "attempt": self.attempt_id,
            "marked_at": self.marked_at,
            "sent": counted[SENT],
            "failed": counted[FAILED],
            "unknown": counted[UNKNOWN] + counted[DOUBTED],
            "leaving": len(self.ids) - counted[QUEUED] - counted[RESENT],
        }


class LeaseLost(Exception):
    """Another worker may hold the batch: this worker's claim or attempt is no longer in its row."""


class Mismatch(Exception):
    """Messages in flight were changed by another transaction than their worker's: a defect."""

    def __init__(self, batch: Claim, outcomes: OutcomeBatch, rows: int) -> None:
        super().__init__(f"batch {batch.batch_id}: {rows} rows for {len(outcomes.ids)} outcomes")


class Mark(NamedTuple):
    """The row of RECORD_AND_MARK: how many outcomes were recorded; and whether the next flight was
    marked, when by the database's clock, and the seconds from then to the end."""

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
    parameters = _parameters(batch, outcomes) | _flight_parameters(flight, zones, closes)
    parameters |= {"out": array(out), "next_attempt": attempt_id, "lease": lease}
    rows = sql.rows(RECORD_AND_MARK, parameters, of=Mark, prepared=True)
    if not rows:
        raise LeaseLost
    (mark,) = rows
    if mark.recorded != len(outcomes.ids):
        raise Mismatch(batch, outcomes, mark.recorded)
    if mark.marked:
        return mark
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
        }
        | _flight_parameters(flight, zones, closes),
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


def _flight_parameters(
    flight: Sequence[int], zones: Sequence[str] | None, closes: datetime | None
) -> dict[str, object]:
    """Return what decides whether the flight may leave: see MAY_GO and LISTED."""
    zone_names = None if zones is None else [*zones]
    return {"next_ids": array(flight), "zones": zone_names, "closes": closes}
