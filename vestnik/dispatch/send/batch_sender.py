"""Sending one claimed batch: flight by flight, until it is empty or must be let go.

No transaction is open while a flight is out. A flight whose slowest answers are still to come does
not hold up the next one: they stay in flight beside it. Once nothing is left to send, the lane goes
on without them: see `tails`.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from django.db import InterfaceError, OperationalError, connection

from vestnik.dispatch.prepare import new_text
from vestnik.dispatch.receive import receipts
from vestnik.dispatch.receive.late_responses import Attempt
from vestnik.dispatch.record import claims
from vestnik.dispatch.record.claims import LEASE_MARGIN, Claim, Queued
from vestnik.dispatch.record.outcome_batch import Settled
from vestnik.dispatch.record.outcome_policy import settle
from vestnik.dispatch.record.recorder import (
    LeaseLost,
    Mark,
    record_and_mark,
    record_and_release,
    record_late,
    seconds_to_end,
)
from vestnik.dispatch.send.auto_pause import pause_if_refused
from vestnik.dispatch.send.circuit_breaker import Breaker
from vestnik.dispatch.send.cooldowns import Rests
from vestnik.dispatch.send.fair_queue import Turns
from vestnik.dispatch.send.flight import PATIENCE, Flight, Landed, wait_for_all, wait_for_any
from vestnik.dispatch.send.permits import Allowance
from vestnik.dispatch.send.provider_pool import Hands
from vestnik.dispatch.send.rate_limit import Pace, PacingAway, Permits
from vestnik.dispatch.send.slow_marks import SLOW_SECONDS, MarkWatch
from vestnik.dispatch.send.temporary_refusals import Repeats
from vestnik.dispatch.signals.metrics import Meters
from vestnik.mailings.window import END_GUARD
from vestnik.providers.base import Accepted, Outgoing, Provider, Rejected, Unknown

log = structlog.get_logger(__name__)

# A message leaves within this many seconds of its flight's mark or not at all, so that whoever
# pauses or cancels is obeyed within a second.
FLIGHT_SECONDS = 0.75
# A flight of which nothing left is not tried again at once. By SMPP it is the one that finds the
# connection resting, for 0.05 s at first.
STUCK_WAIT = 0.1
REDIS_WAIT = 1.0
# A pace is asked again after so long, whatever it said: its rate or Redis's clock may have changed.
LONGEST_PACE_WAIT = 5.0
DATABASE_WAIT = 0.5
# A flight with nothing but trouble so far is not judged by it while answers that are slower than
# a gateway's refusals may still come; for so many seconds.
FAIR_HEARING = 1.0
# What a receipt can settle.
RECEIVABLE = frozenset({"sent", "unknown"})
NONE_BEHIND: Mapping[int, float] = {}
DATABASE_AWAY = (OperationalError, InterfaceError)


@dataclass(frozen=True, slots=True)
class Crew:
    """What all batches of one provider are sent with."""

    provider: Provider
    hands: Hands
    breaker: Breaker
    meters: Meters
    stopping: Callable[[], bool]
    rests: Rests
    turns: Turns = field(init=False)
    marks: MarkWatch = field(init=False)
    repeats: Repeats = field(default_factory=Repeats)
    #: Mailings a batch of which is through: they may be finished.
    through: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        object.__setattr__(self, "turns", Turns(self.provider))
        object.__setattr__(self, "marks", MarkWatch(self.provider.window))

    @property
    def lease(self) -> float:
        return lease_of(self.provider)


def lease_of(provider: Provider) -> float:
    """How long a claim lasts without a new flight: longer than any hand-over can take."""
    return provider.deadline + LEASE_MARGIN


class Course:
    """One claimed batch on its way."""

    def __init__(self, crew: Crew, batch: Claim, allowance: Allowance | None = None) -> None:
        self.crew, self.batch = crew, batch
        self.allowance = allowance or Allowance(crew.provider)
        self.due = claims.due(batch, 2 * crew.provider.window if self._is_paced else claims.ALL)
        self.waiting, self.next_retry = self.due.messages, self.due.next_retry
        self.out: list[Flight] = []
        self.marking: list[int] = []
        self.settled = Settled()
        #: How many were handed over under this claim, those that are out included.
        self.served = self.flown = 0
        self.attempt_id: int | None = None
        self.marked_at: datetime | None = None
        self.marked_by = 0.0
        #: No flight leaves any more under this claim, or none before these instants.
        self.held = self._is_of_another_text()
        self.paused_until = self.permits_at = 0.0

    def _is_of_another_text(self) -> bool:
        """Whether some of it has another text than the mailing had when it was claimed: then it
        gets the mailing's, and is claimed anew."""
        version = self.batch.text_version
        kept = {self.batch.batch_text_version, *(one.text_version for one in self.waiting)}
        if kept == {version}:
            return False
        new_text.renew(self.batch.batch_id)
        return True

    def send(self) -> bool:
        """Send what is due of the batch and let it go. False where nothing more leaves, and some
        of it is still out: what has landed is recorded; call again for the rest.

        Where the database goes away, the outcomes known are kept and recorded once it is back.
        """
        try:
            return self._send_flights()
        except DATABASE_AWAY as trouble:
            log.warning("database away", batch=self.batch.batch_id, trouble=type(trouble).__name__)
            self._release_when_back()
            return True

    def _send_flights(self) -> bool:
        try:
            self._land()
            while (flight := self._next_flight()) or self._may_send_more():
                mark, asked_at = self._mark(flight)
                if mark and flight:
                    self._fly(flight, mark, asked_at)
                else:
                    self._wait_for_answers()
                self._land()
            if self.out:
                self._mark([])
                self.held = True
                return False
            self._release()
        except LeaseLost:
            self._settle(self._all_landed())
            self._record_late(self.settled)
        return True

    def _may_send_more(self) -> bool:
        """Whether something may leave once others have landed, or a pause is over."""
        more = self.waiting and not self.held and not self.crew.stopping()
        return bool(more and self.out)

    def _next_flight(self) -> list[Queued]:
        if not self.waiting or self.held or self.crew.stopping() or self._pausing() > 0:
            return []
        turn = self._left_of_turn()
        if turn <= 0:
            self.held = True
            return []
        window = 1 if self.crew.breaker.probing else self.crew.provider.window
        room = window - sum(len(flight.out) for flight in self.out)
        if 2 * room < window:
            return []
        permits = self._permits(min(room, len(self.waiting), turn, self.crew.marks.most))
        if self.crew.breaker.probing:  # never the same one twice, where there is another
            last_refused = self.crew.repeats.last_refused
            self.waiting.sort(key=lambda one: (one.attempts, last_refused(one.phone_number)))
        return self.waiting[: permits.granted]

    def _left_of_turn(self) -> int:
        left = self.crew.turns.left(self.batch.mailing_id, self.served)
        return len(self.waiting) if left is None else left

    def _pausing(self) -> float:
        own = max(self.paused_until, self.permits_at) - time.monotonic()
        return max(own, self.crew.rests.slower_for)

    def _permits(self, want: int) -> Permits:
        try:
            permits = self.allowance.draw(want, self._weight, self._own_pace)
        except PacingAway:
            permits = Permits(0, REDIS_WAIT)
        if not permits.granted:
            mine = permits.reason and permits.reason == self._own_pace
            wait = min(permits.wait, LONGEST_PACE_WAIT)
            self.crew.rests.add(self.batch.mailing_id if mine else None, wait)
            self.permits_at = time.monotonic() + wait
        elif self._is_paced:
            self.crew.meters.count("permits", self.batch.alias, permits.granted)
        return permits

    @property
    def _own_pace(self) -> Pace | None:
        limit = self.batch.rate_limit
        return Pace(f"mailing:{self.batch.mailing_id}", limit) if limit else None

    @property
    def _weight(self) -> int:
        """Of a personalised text the longest of the next flight counts: rather too slow."""
        if self.crew.provider.paced_by == "message":
            return 1
        return max(message.segments for message in self.waiting[: self.crew.provider.window])

    @property
    def _is_paced(self) -> bool:
        return bool(self.crew.provider.max_rate or self.batch.rate_limit)

    def _mark(self, flight: Sequence[Queued]) -> tuple[Mark | None, float]:
        """Record what is known and mark the flight beside what is out; no flight with nothing to
        record is nothing to mark."""
        asked_at = time.monotonic()
        if not flight and not self.settled.ids:
            return None, asked_at
        self.attempt_id = claims.new_id()
        self.marking = ids = [message.message_id for message in flight]
        out = [message_id for earlier in self.out for message_id in earlier.ids]
        hours = self.due.hours
        lease = self.crew.lease
        mark = record_and_mark(self.batch, self.settled, ids, self.attempt_id, lease, out, **hours)
        if mark is not None:
            self.marked_at, self.marked_by = mark.marked_at, time.monotonic()
        self.held = self.held or bool(flight and mark is None)
        flying = out or mark
        recorded = self.settled
        self.settled = Settled(self.attempt_id, self.marked_at) if flying else Settled()
        self._after_recording(recorded)
        return self._confirmed(mark, asked_at)

    def _confirmed(self, mark: Mark | None, asked_at: float) -> tuple[Mark | None, float]:
        """A flight and since when its time counts: of a mark that took long, since it was asked
        again whether it may leave."""
        if mark is None:
            return None, asked_at
        took = self.marked_by - asked_at
        if took < SLOW_SECONDS:
            self.crew.marks.note_quick()
            return mark, asked_at
        again_at, attempt = time.monotonic(), self.attempt_id or 0
        to_end = seconds_to_end(self.batch, self.marking, attempt, **self.due.hours)
        in_time = time.monotonic() - again_at < FLIGHT_SECONDS and took < LEASE_MARGIN / 2
        if not in_time:
            self.crew.marks.note_missed(took, len(self.marking))
        if to_end is None or not in_time:
            return mark, asked_at - FLIGHT_SECONDS
        self.crew.marks.note_quick()
        return Mark(mark.marked_at, to_end), again_at

    def _after_recording(self, recorded: Settled) -> None:
        if self.batch.receipts and not RECEIVABLE.isdisjoint(recorded.states):
            receipts.apply_kept(self.batch.alias, recorded.part_ids, recorded.ids)
        if refusal := recorded.last_refusal():
            pause_if_refused(self.batch.mailing_id, refusal)

    def _fly(self, messages: Sequence[Queued], mark: Mark, asked_at: float) -> None:
        """Hand a marked flight over. The end counts from before the mark, and departures from
        after it: the one is rather too early, and the others never later than they were."""
        expires_at = asked_at + mark.seconds_to_end
        depart_before = min(asked_at + FLIGHT_SECONDS, expires_at - END_GUARD)
        outgoing = [
            Outgoing(
                self.batch.mailing_id,
                message.message_id,
                message.phone_number,
                self.batch.text if message.text is None else message.text,
                depart_before=depart_before,
                expires_at=expires_at,
            )
            for message in messages
        ]
        provider = self.crew.provider
        flight = Flight(provider, messages, outgoing, self.crew.hands.hand_over(provider, outgoing))
        self.waiting = self.waiting[len(messages) :]
        self.out.append(flight)
        self.served, self.flown = self.served + len(messages), self.flown + len(messages)
        if self._is_last_of_turn():
            return
        flight.wait_for_most()
        landed = flight.land()
        if flight.out and not any(isinstance(o, (Accepted, Rejected)) for _, _, o in landed):
            wait_for_all([flight], FAIR_HEARING)
            landed += flight.land()
        self._learn(landed)
        if not self.settled.ids and not flight.out and self._pausing() <= 0:
            self.held = True
            self._pause(STUCK_WAIT)

    def _is_last_of_turn(self) -> bool:
        """Whether others go on while this one's answers come: of a slow gateway under a pace they
        take longer than a turn."""
        if not self.crew.provider.max_rate or self.crew.breaker.probing:
            return False
        return self._left_of_turn() <= 0

    def _learn(self, landed: Sequence[Landed]) -> None:
        """Settle what landed, and whether to go on, by what the provider made of it."""
        if not landed:
            return
        found = self.crew.repeats.sort(landed)
        self._settle(found.landed, found.behind)
        if found.rest:
            self._pause(found.rest)
            self.crew.rests.slow_down(found.rest)
        if not found.of_the_provider:
            return
        _, outgoing, outcomes = zip(*found.of_the_provider, strict=True)
        if parked := self.crew.breaker.note(outgoing, outcomes):
            self.held = True
            self.crew.rests.add(None, parked)

    def _pause(self, seconds: float) -> None:
        self.paused_until = max(self.paused_until, time.monotonic() + seconds)
        self.crew.rests.add(None, seconds)

    def _wait_for_answers(self) -> None:
        """Of what is out: until there are some, or it is time to look again."""
        wait_for_any(self.out, PATIENCE)

    def _land(self) -> None:
        for flight in self.out:
            self._learn(flight.land())
        self.out = [flight for flight in self.out if flight.out]

    def _all_landed(self) -> list[Landed]:
        """What is still out, once it has landed."""
        wait_for_all(self.out)
        flights, self.out = self.out, []
        return [landed for flight in flights for landed in flight.land()]

    def _settle(self, landed: Sequence[Landed], behind: Mapping[int, float] = NONE_BEHIND) -> None:
        if not landed:
            return
        messages, outgoing, found = zip(*landed, strict=True)
        for message, sent, outcome in landed:
            departed = (sent.departed_at or self.marked_by) - self.marked_by
            if isinstance(outcome, Unknown):
                attempt = self.settled.attempt_id
                sent.attempt = Attempt(self.batch, attempt, self.marked_at, message, departed)
            settle(
                self.settled,
                self.crew.provider,
                self.batch,
                message,
                outcome,
                departed,
                behind=behind.get(message.message_id),
            )
        stayed = self.settled.left_over(messages)
        self.served -= len(stayed)
        self.waiting = stayed + self.waiting
        self.next_retry = self.settled.first_retry(self.next_retry)
        self.crew.meters.flight(self.batch.alias, outgoing, found)

    def _release(self) -> None:
        if self.flown and not self.served:
            self._pause(STUCK_WAIT)
        wait = self._seconds_to_next()
        state = record_and_release(self.batch, self.settled, wait=wait, served=self.served)
        if state is None:
            record_late(self.batch, self.settled)
        elif state == "done":
            self.crew.through.add(self.batch.mailing_id)
        self._after_recording(self.settled)

    def _seconds_to_next(self) -> float:
        """Until something of the batch is due."""
        if self.waiting:
            return max(0.0, self.paused_until - time.monotonic())
        return 0.0 if self.due.more else self.next_retry or 0.0

    def _record_late(self, settled: Settled) -> None:
        record_late(self.batch, settled)
        self._after_recording(settled)

    def _release_when_back(self) -> None:
        """What was out when the database went away is known by the time it is back."""
        known, self.settled = self.settled, Settled(self.attempt_id, self.marked_at)
        self._settle(self._all_landed())
        known.extend(self.settled)
        if self.settled.attempt_id != known.attempt_id:
            self.settled.stayed.extend(self.marking)
        while True:
            time.sleep(DATABASE_WAIT)
            try:
                connection.close()
                return self._release_unclear(known, self.settled)
            except DATABASE_AWAY:
                log.info("database still away", batch=self.batch.batch_id)

    def _release_unclear(self, known: Settled, landed: Settled) -> None:
        """Nobody knows whether the last statement took effect. Either the batch is still under
        the attempt of all outcomes known, or those before it are recorded and it is under the
        next one, whose flight has not left, with what has landed since; or its lease was taken
        back, under either."""
        twice = landed.attempt_id != known.attempt_id
        if record_and_release(self.batch, known):
            return
        if twice and record_and_release(self.batch, landed):
            return
        self._record_late(known)
        if twice:
            self._record_late(landed)
