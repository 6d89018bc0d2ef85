"""The invariants that must hold after two operations have met and all work has been done."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tests.interleaving.gateway import Departure, departures
from tests.interleaving.hook import Marks
from tests.interleaving.operations import (
    CHANGED,
    CORRECTED,
    DELETED,
    LISTED,
    SHORT,
    STOPPED,
    erased_in,
)
from tests.interleaving.situations import CLOSED_ZONE, NEW_TEXT, TEXT, Situation
from vestnik.audience.models import Client
from vestnik.db import sql
from vestnik.dispatch.models import Batch, EnlistmentCursor, Message
from vestnik.dispatch.states import LEFT_US, STORED_STATES, MessageState
from vestnik.mailings.models import Mailing, MailingState
from vestnik.mailings.window import database_now

SPARE = 0.1
#: A flight leaves within this many seconds of its mark, or not at all.
FLIGHT_SECONDS = 0.76
COUNT = f"""
SELECT b.number, {", ".join(f"b.{state} - count(*) FILTER (WHERE m.state = '{state}')"
                            for state in STORED_STATES)}
FROM dispatch_batch b LEFT JOIN dispatch_message m
    ON m.mailing_id = b.mailing_id AND m.id BETWEEN b.first_message_id AND b.last_message_id
WHERE b.mailing_id = %s GROUP BY b.id
"""
ARRIVED = (*LEFT_US, MessageState.UNKNOWN)


@dataclass(frozen=True)
class Done:
    """An operation that has taken effect, and when it had returned."""

    name: str
    began: float
    ended: float


@dataclass(frozen=True)
class Seen:
    """A departure to client `n`."""

    situation: Situation
    done: Mapping[str, Done]
    departure: Departure
    n: int

    def is_to(self, *clients: int) -> bool:
        """Return whether it is to the first number of one of these clients."""
        return self.departure.phone_number in map(self.situation.number, clients)

    def expires_late(self) -> bool:
        """Return whether its mark used an end later than the one that was set."""
        ended = self.done["earlier end"].ended
        return self.departure.expires_at > ended + SHORT + SPARE and "later end" not in self.done


class Rule(NamedTuple):
    """The marks that an operation forbids afterwards."""

    why: str
    forbids: Callable[[Seen], bool]


RULES = {
    "pause": Rule("after the pause", lambda seen: "resume" not in seen.done),
    "cancel": Rule("after the cancel", lambda seen: True),
    "delete": Rule("after the client was deleted", lambda seen: seen.n in DELETED),
    "delete many": Rule("after the client was deleted", lambda seen: seen.n in CHANGED),
    "erase": Rule("after the client was erased", lambda seen: seen.n == erased_in(seen.situation)),
    "change of number": Rule(
        "to the old number", lambda seen: seen.n in CORRECTED and seen.is_to(*CORRECTED)
    ),
    "change of zone": Rule("outside the hours", lambda seen: seen.n in CORRECTED),
    "stop": Rule("after the number was stopped", lambda seen: seen.is_to(*STOPPED)),
    "stop-list sweep": Rule("after the number was listed", lambda seen: seen.is_to(*LISTED)),
    "change of text": Rule(
        "with the old text", lambda seen: not seen.departure.text.startswith("New")
    ),
    "earlier end": Rule("by the old end", lambda seen: seen.expires_late()),
}


class Judge:
    """The check of one run. `second_part` is the time at which paused mailings were resumed."""

    def __init__(self, situation: Situation, done: Sequence[Done], marks: Marks) -> None:
        self.situation, self.marks = situation, marks
        self.done = {one.name: one for one in done}
        self.mailing = Mailing.objects.get(id=situation.mailing)
        self.messages = {m.id: m for m in Message.objects.filter(mailing=situation.mailing)}
        self.second_part = float("inf")
        ahead = (self.mailing.ends_at - database_now()).total_seconds()
        #: Monotonic time.
        self.ends_at = time.monotonic() + ahead

    def faults(self) -> Iterator[str]:
        yield from self._counts()
        yield from self._ends()
        yield from self._enlisted()
        yield from self._departed()
        yield from self._receipts()

    def _counts(self) -> Iterator[str]:
        for number, *differences in sql.rows(COUNT, [self.situation.mailing]):
            if any(differences):
                wrong = dict(zip(STORED_STATES, differences, strict=True))
                yield f"batch {number} counts {({k: n for k, n in wrong.items() if n})} too many"

    def _ends(self) -> Iterator[str]:
        """All messages are settled, or wait for closed hours."""
        batches = Batch.objects.filter(mailing=self.situation.mailing)
        if held := batches.filter(state="claimed").count():
            yield f"{held} batches are claimed by nobody"
        if self.mailing.state in (MailingState.FINISHED, MailingState.CANCELLED):
            if left := batches.exclude(state="done").count():
                yield f"{left} batches of a {self.mailing.state} mailing are not done"
        elif not self._waits_for_hours():
            queued = sum(m.state == "queued" for m in self.messages.values())
            yield f"the mailing stays {self.mailing.state} with {queued} queued"

    def _waits_for_hours(self) -> bool:
        queued = [m.client_id for m in self.messages.values() if m.state == "queued"]
        closed = Client.objects.filter(id__in=queued, timezone=CLOSED_ZONE).count()
        return bool(queued) and self.mailing.local_hours is not None and closed == len(queued)

    def _enlisted(self) -> Iterator[str]:
        enlistment = EnlistmentCursor.objects.filter(mailing=self.situation.mailing).first()
        if enlistment is None:
            return
        if not enlistment.complete or self.mailing.enlisted_at is None:
            yield "its audience is not enlisted to the end"
        there = Client.objects.filter(id__lte=enlistment.bound)
        if self.mailing.filter:
            there = there.filter(tag__in=self.mailing.filter["tags"])
        missing = set(there.values_list("id", flat=True))
        missing -= {m.client_id for m in self.messages.values()}
        if missing:
            yield f"no message for clients {sorted(id - self.situation.base for id in missing)}"

    def _departed(self) -> Iterator[str]:
        for message, count in Counter(one.message_id for one in departures).items():
            if count > 1:
                yield f"message {message - self.situation.base} left {count} times"
        for one in departures:
            message_row = self.messages.get(one.message_id)
            if message_row is None or message_row.state not in ARRIVED:
                state = message_row.state if message_row else "gone"
                yield f"message {one.message_id - self.situation.base} left and is {state}"
            yield from self._forbidden(one)

    def _forbidden(self, one: Departure) -> Iterator[str]:
        """No forbidden message was marked after the operation."""
        try:
            marked = self.marks.of(one.message_id, one.departed_at)
        except ValueError:  # it was in flight from the beginning
            return
        if one.departed_at >= self.ends_at:
            yield f"left {one.departed_at - self.ends_at:.3f} s after the end"
        if one.departed_at - marked > FLIGHT_SECONDS:
            yield f"left {one.departed_at - marked:.2f} s after its mark began"
        n = self._client_of(one.message_id)
        for done in self.done.values():
            if done.ended < marked and (why := self._against(done, one, n, marked)):
                yield f"message of client {n} was marked {why}"
        said = {text.replace("{{ phone_number }}", one.phone_number) for text in (TEXT, NEW_TEXT)}
        if one.text not in said:
            yield f"client {n} was sent another's number in the text: {one.text!r}"

    def _client_of(self, message_id: int) -> int:
        client = self.messages[message_id].client_id
        return -1 if client is None else client - self.situation.base

    def _against(self, done: Done, one: Departure, n: int, marked: float) -> str:
        """Return why the mark is forbidden; empty if it is allowed."""
        rule = RULES.get(done.name)
        seen = Seen(self.situation, self.done, one, n)
        if rule is None or not rule.forbids(seen):
            return ""
        if done.name == "pause" and marked > self.second_part:
            return ""
        if done.name == "change of zone" and not self.situation.local_hours:
            return ""
        return rule.why

    def _receipts(self) -> Iterator[str]:
        """No receipt is lost."""
        if "receipts" not in self.done:
            return
        wanted = [13, 9, *([0] if "record" in self.done else [])]
        for n in wanted:
            message = self.messages.get(self.situation.message(n))
            if message is not None and message.state != "delivered":
                yield f"message {n} is {message.state} after its receipt came"
