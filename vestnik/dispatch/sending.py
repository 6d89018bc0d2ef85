"""Sending one claimed batch: flight by flight, until it is empty or must be let go.

No transaction is open while a flight is out.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from django.db import InterfaceError, OperationalError, connection

from vestnik.dispatch import claims, pacing, receipts
from vestnik.dispatch.breaker import Breaker
from vestnik.dispatch.claims import END_GUARD, LEASE_MARGIN, Claim, Queued
from vestnik.dispatch.hands import Hands
from vestnik.dispatch.meters import Meters
from vestnik.dispatch.outcomes import (
    LeaseLost,
    Mark,
    record_and_mark,
    record_and_release,
    record_late,
)
from vestnik.dispatch.pacing import Pace, PacingAway, Permits
from vestnik.dispatch.refusals import pause_if_refused
from vestnik.dispatch.settled import Settled
from vestnik.dispatch.verdicts import settle, throttled_for
from vestnik.providers.base import Outcome, Outgoing, Provider

log = structlog.get_logger(__name__)

# A message leaves within this many seconds of its flight's mark or not at all, so that whoever
# pauses or cancels is obeyed within a second.
FLIGHT_SECONDS = 0.75
# A flight of which nothing left is not tried again at once.
STUCK_WAIT = 1.0
REDIS_WAIT = 1.0
DATABASE_WAIT = 0.5
# What a receipt can settle.
RECEIVABLE = frozenset({"sent", "unknown"})
DATABASE_AWAY = (OperationalError, InterfaceError)


@dataclass(frozen=True, slots=True)
class Crew:
    """What all batches of one provider are sent with."""

    provider: Provider
    hands: Hands
    breaker: Breaker
    meters: Meters
    stopping: Callable[[], bool]
    #: Claim nothing of this mailing (None: of this provider) for so many seconds.
    rest: Callable[[int | None, float], None]

    @property
    def lease(self) -> float:
        return lease_of(self.provider)


def lease_of(provider: Provider) -> float:
    """How long a claim lasts without a new flight: longer than any hand-over can take."""
    return provider.deadline + LEASE_MARGIN


class Course:
    """One claimed batch on its way."""

    def __init__(self, crew: Crew, batch: Claim) -> None:
        self.crew, self.batch = crew, batch
        self.waiting, self.next_retry = claims.load(batch)
        self.settled = Settled()
        self.attempt_id: int | None = None
        self.pause = 0.0

    def send(self) -> None:
        """Send what is due of the batch and let it go.

        Where the database goes away, the outcomes known are kept and recorded once it is back.
        """
        try:
            self._send_flights()
        except DATABASE_AWAY as trouble:
            log.warning("database away", batch=self.batch.batch_id, trouble=type(trouble).__name__)
            self._release_when_back()

    def _send_flights(self) -> None:
        try:
            while flight := self._next_flight():
                mark, asked_at = self._mark(flight)
                if mark is None:
                    break
                self._fly(flight, mark, asked_at)
            self._release()
        except LeaseLost:
            record_late(self.batch, self.settled)

    def _next_flight(self) -> list[Queued]:
        if not self.waiting or self.pause or self.crew.stopping():
            return []
        window = 1 if self.crew.breaker.probing else self.crew.provider.window
        permits = self._permits(min(window, len(self.waiting)))
        return self.waiting[: permits.granted]

    def _permits(self, want: int) -> Permits:
        try:
            permits = pacing.take(self._paces(), want)
        except PacingAway:
            permits = Permits(0, REDIS_WAIT)
        if not permits.granted:
            mine = permits.reason and permits.reason.key == self._own_pace
            self.crew.rest(self.batch.mailing_id if mine else None, permits.wait)
        elif self._paces():
            self.crew.meters.count("permits", self.batch.alias, permits.granted)
        return permits

    @property
    def _own_pace(self) -> str:
        return f"mailing:{self.batch.mailing_id}"

    @property
    def _segments(self) -> int:
        """Of a personalised text the longest of the next flight counts: rather too slow."""
        return max(message.segments for message in self.waiting[: self.crew.provider.window])

    def _paces(self) -> list[Pace]:
        provider, paces = self.crew.provider, []
        if provider.max_rate:
            weight = self._segments if provider.paced_by == "segment" else 1
            paces.append(Pace(f"provider:{provider.alias}", provider.max_rate, weight))
        if self.batch.rate_limit:
            paces.append(Pace(self._own_pace, self.batch.rate_limit))
        return paces

    def _mark(self, flight: Sequence[Queued]) -> tuple[Mark | None, float]:
        self.attempt_id, asked_at = claims.new_id(), time.monotonic()
        ids = [message.message_id for message in flight]
        mark = record_and_mark(self.batch, self.settled, ids, self.attempt_id, self.crew.lease)
        recorded, self.settled = self.settled, Settled()
        self._after_recording(recorded)
        return mark, asked_at

    def _after_recording(self, recorded: Settled) -> None:
        if self.batch.receipts and not RECEIVABLE.isdisjoint(recorded.states):
            receipts.apply_kept(self.batch.alias, recorded.part_ids, recorded.ids)
        if refusal := recorded.last_refusal():
            pause_if_refused(self.batch.mailing_id, refusal)

    def _fly(self, flight: Sequence[Queued], mark: Mark, asked_at: float) -> None:
        """Hand a marked flight over. The end counts from before the mark, and departures from
        after it: the one is rather too early, and the others never later than they were."""
        marked_by = time.monotonic()
        expires_at = asked_at + mark.seconds_to_end
        depart_before = min(asked_at + FLIGHT_SECONDS, expires_at - END_GUARD)
        outgoing = [
            Outgoing(
                self.batch.mailing_id,
                message.message_id,
                message.phone_number,
                message.text or self.batch.text,
                depart_before=depart_before,
                expires_at=expires_at,
            )
            for message in flight
        ]
        found = self._hand_over(outgoing)
        self._settle(flight, outgoing, found, mark, marked_by)
        self._learn(outgoing, found)

    def _hand_over(self, outgoing: Sequence[Outgoing]) -> Sequence[Outcome | None]:
        provider = self.crew.provider
        try:
            return self.crew.hands.hand_over(provider, outgoing)
        except Exception as error:
            log.exception("provider failed", provider=provider.alias)
            trouble = f"{type(error).__name__} in the provider"
            return [provider.in_two_minds(message, trouble) for message in outgoing]

    def _settle(
        self,
        flight: Sequence[Queued],
        outgoing: Sequence[Outgoing],
        found: Sequence[Outcome | None],
        mark: Mark,
        marked_by: float,
    ) -> None:
        self.settled = Settled(self.attempt_id, mark.marked_at)
        for message, sent, outcome in zip(flight, outgoing, found, strict=True):
            departed = (sent.departed_at or marked_by) - marked_by
            settle(self.settled, self.crew.provider, self.batch, message, outcome, departed)
        self.waiting = self.settled.left_over(flight) + self.waiting[len(flight) :]
        self.next_retry = self.settled.first_retry(self.next_retry)

    def _learn(self, outgoing: Sequence[Outgoing], found: Sequence[Outcome | None]) -> None:
        """Whether to go on at once, by what the provider made of the flight."""
        self.crew.meters.flight(self.batch.alias, outgoing, found)
        self.pause = STUCK_WAIT if not self.settled.ids else throttled_for(found)
        if opened_for := self.crew.breaker.note(found):
            self.pause = opened_for
        if self.pause:
            self.crew.rest(None, self.pause)

    def _release(self) -> None:
        wait = self.pause if self.waiting else self.next_retry or 0.0
        if not record_and_release(self.batch, self.settled, wait=wait):
            record_late(self.batch, self.settled)
        self._after_recording(self.settled)

    def _release_when_back(self) -> None:
        while True:
            time.sleep(DATABASE_WAIT)
            try:
                connection.close()
                return self._release_unclear()
            except DATABASE_AWAY:
                log.info("database still away", batch=self.batch.batch_id)

    def _release_unclear(self) -> None:
        """Nobody knows whether the last statement took effect. Either the batch is still under
        the attempt whose outcomes these are, or they are recorded and it is under the next one,
        of which nothing left; or its lease was taken back."""
        if record_and_release(self.batch, self.settled):
            return
        if self.attempt_id != self.settled.attempt_id and record_and_release(
            self.batch, Settled(attempt_id=self.attempt_id)
        ):
            return
        record_late(self.batch, self.settled)
