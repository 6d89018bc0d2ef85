"""The outcomes of a flight in columns, as the recording statements take them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime

from vestnik.db.sql import array
from vestnik.dispatch.record.due_messages import QueuedMessage
from vestnik.dispatch.states import DOUBTED, FAILED, QUEUED, RESENT, SENT, UNKNOWN
from vestnik.reasons.reason import Reason

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
