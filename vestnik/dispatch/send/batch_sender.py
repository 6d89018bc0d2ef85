"""Sends one claimed batch, flight by flight, until it is empty or must be released.

No transaction is open while a flight is out. The slowest answers of a flight do not delay the next
one: they stay in flight beside it (decision 0006). Once nothing is left to send, the dispatcher
goes on without them: see `stragglers`.
"""

import time
from collections.abc import Mapping, Sequence

import structlog

from vestnik.dispatch.prepare import new_text
from vestnik.dispatch.record.claims import Claim
from vestnik.dispatch.record.due_messages import DueMessages, QueuedMessage
from vestnik.dispatch.record.recorder import LeaseLost
from vestnik.dispatch.send.batch_recorder import DATABASE_AWAY, BatchRecorder
from vestnik.dispatch.send.flight import (
    SHORTEST_ANSWER_WAIT,
    Flight,
    SendResult,
    wait_for_all,
    wait_for_any,
)
from vestnik.dispatch.send.permits import Allowance
from vestnik.dispatch.send.rate_limit import Rate
from vestnik.dispatch.send.send_context import SendContext
from vestnik.providers.base import Accepted, OutboundMessage, Rejected

log = structlog.get_logger(__name__)

# Seconds before the next flight after one of which no message left. With SMPP this happens when the
# connection is throttled, at first for 0.05 s.
STUCK_WAIT = 0.1
# Seconds to wait for further answers of a flight whose first answers are all failures: a gateway
# refuses faster than it accepts, and the breaker must not open on the refusals alone.
SLOW_ANSWER_WAIT = 1.0


class BatchSender:
    """Sends one claimed batch."""

    def __init__(
        self,
        context: SendContext,
        batch: Claim,
        due: DueMessages,
        allowance: Allowance | None = None,
    ) -> None:
        self.context, self.batch, self.due = context, batch, due
        self.allowance = allowance or Allowance(context.provider)
        self.waiting, self.next_retry = due.messages, due.next_retry
        #: The messages of the turn that were left before the next flight.
        self.turn_left = 0
        self.in_flight: list[Flight] = []
        self.recorder = BatchRecorder(context, batch)
        #: Messages handed over under this claim, with those in flight. `served` excludes those that
        #: did not leave.
        self.served = self.handed_over = 0
        #: While draining, no further flight leaves under this claim.
        self.draining = self._renew_outdated_text()
        #: No flight leaves before these instants of the monotonic clock.
        self.paused_until = self.next_grant_at = 0.0

    def _renew_outdated_text(self) -> bool:
        """Render messages with an outdated text again; return whether there were any.

        Such a batch is released and claimed again, since the loaded texts are outdated too.
        """
        version = self.batch.text_version
        kept = {self.batch.batch_text_version, *(one.text_version for one in self.waiting)}
        if kept == {version}:
            return False
        new_text.renew(self.batch.batch_id)
        return True

    def send(self) -> bool:
        """Send the due messages of the batch and release it; return whether it was released.

        False means that no further flight leaves and some answers are still missing: the others are
        recorded, and `send` has to be called again. If the database goes away, the known outcomes
        are kept and recorded once it is back.
        """
        try:
            return self._send_flights()
        except DATABASE_AWAY as trouble:
            log.warning("database away", batch=self.batch.batch_id, trouble=type(trouble).__name__)
            self.recorder.release_once_database_is_back(self._collect_all)
            return True

    def _send_flights(self) -> bool:
        try:
            self._collect()
            while (flight := self._next_flight()) or self._may_send_more():
                if not self._send_flight(flight):
                    self._wait_for_answers()
                self._collect()
            if self.in_flight:
                self.recorder.mark([], self.in_flight, self.due)
                self.draining = True
                return False
            self._release()
        except LeaseLost:
            self.recorder.add(self._collect_all())
            self.recorder.record_late()
        return True

    def _may_send_more(self) -> bool:
        """Return whether messages may leave once others are answered, or a pause is over."""
        more = self.waiting and not self.draining and not self.context.stopping()
        return bool(more and self.in_flight)

    def _next_flight(self) -> list[QueuedMessage]:
        if not self.waiting or self.draining or self.context.stopping() or self._pause_left() > 0:
            return []
        self.turn_left = self._read_turn_left()
        if self.turn_left <= 0:
            self.draining = True
            return []
        window = 1 if self.context.breaker.is_probing else self.context.provider.window
        room = window - sum(len(flight.out) for flight in self.in_flight)
        # A flight of at least half a window is large enough for the cost of its statement.
        if 2 * room < window:
            return []
        limit = self.context.mark_watch.flight_limit
        granted = min(room, len(self.waiting), self.turn_left, limit)
        if self.context.provider.max_rate or self.batch.rate_limit:
            granted = self._acquire_permits(granted)
        # A probe is a message that was not refused lately: one refused recipient must not keep the
        # breaker open.
        if self.context.breaker.is_probing:
            last_refused = self.context.refusals.last_refused
            self.waiting.sort(key=lambda one: (one.attempts, last_refused(one.phone_number)))
        return self.waiting[:granted]

    def _read_turn_left(self) -> int:
        """Return how many messages of the turn are left; all, if no other mailing waits."""
        plan, mailing = self.context.fair_queue.current_plan(), self.batch.mailing_id
        if not plan.turns.keys() - {mailing}:
            return len(self.waiting)
        return plan.turns.get(mailing, plan.turn_of_others) - self.served

    def _pause_left(self) -> float:
        throttled_until = self.context.cooldowns.throttled_until
        return max(self.paused_until, self.next_grant_at, throttled_until) - time.monotonic()

    def _acquire_permits(self, want: int) -> int:
        """Return how many messages the rate limits grant."""
        mailing, limit = self.batch.mailing_id, self.batch.rate_limit
        own = Rate(f"mailing:{mailing}", limit) if limit else None
        grant = self.allowance.take(want, self._weight(), own)
        if grant.granted:
            self.context.counters.count("permits", self.batch.alias, grant.granted)
        else:
            mine = grant.reason and grant.reason == own
            self.context.cooldowns.add(mailing if mine else None, grant.wait)
            self.next_grant_at = time.monotonic() + grant.wait
        return grant.granted

    def _weight(self) -> int:
        """Return the permits that a message takes: 1, or the segments of the longest one to come.

        Counting the longest one sends rather too slowly than too fast.
        """
        if self.context.provider.paced_by == "message":
            return 1
        return max(message.segments for message in self.waiting[: self.context.provider.window])

    def _send_flight(self, messages: Sequence[QueuedMessage]) -> bool:
        """Mark a flight and hand it over; return whether it left.

        The answers to the last flight of a turn are not waited for: with a rate limit and a slow
        gateway they take longer than a turn of another mailing.
        """
        times = self.recorder.mark(messages, self.in_flight, self.due)
        if times is None:
            self.draining = self.draining or bool(messages)
            return False
        outgoing = [
            OutboundMessage(
                self.batch.mailing_id,
                message.message_id,
                message.phone_number,
                self.batch.text if message.text is None else message.text,
                depart_before=times.depart_before,
                expires_at=times.expires_at,
            )
            for message in messages
        ]
        provider = self.context.provider
        flight = Flight(provider, messages, outgoing)
        self.waiting = self.waiting[len(messages) :]
        self.in_flight.append(flight)
        self.served += len(messages)
        self.handed_over += len(messages)
        is_last = len(messages) >= self.turn_left and not self.context.breaker.is_probing
        waits = not (provider.max_rate and is_last)
        flight.hand_over(self.context.pool, wait_for_most=waits)
        if waits:
            self._process_first_answers(flight)
        return True

    def _process_first_answers(self, flight: Flight) -> None:
        results = flight.collect()
        if flight.out and not any(isinstance(o, (Accepted, Rejected)) for _, _, o in results):
            wait_for_all([flight], SLOW_ANSWER_WAIT)
            results += flight.collect()
        self._process_results(results)
        if not self.recorder.outcomes.ids and not flight.out and self._pause_left() <= 0:
            self.draining = True
            self._pause(STUCK_WAIT)

    def _process_results(self, results: Sequence[SendResult]) -> None:
        """Add the outcomes of results; pause or drain if the provider asks to wait or is down."""
        if not results:
            return
        found = self.context.refusals.sort(results)
        self._add_outcomes(found.results, found.retry_delays)
        if found.cooldown:
            self._pause(found.cooldown)
            self.context.cooldowns.throttle_provider(found.cooldown)
        if not found.about_provider:
            return
        _, outgoing, outcomes = zip(*found.about_provider, strict=True)
        if open_for := self.context.breaker.record(outgoing, outcomes):
            self.draining = True
            self.context.cooldowns.add(None, open_for)

    def _pause(self, seconds: float) -> None:
        self.paused_until = max(self.paused_until, time.monotonic() + seconds)
        self.context.cooldowns.add(None, seconds)

    def _wait_for_answers(self) -> None:
        """Wait for an answer to any flight, at most SHORTEST_ANSWER_WAIT seconds."""
        wait_for_any(self.in_flight, SHORTEST_ANSWER_WAIT)

    def _collect(self) -> None:
        for flight in self.in_flight:
            self._process_results(flight.collect())
        self.in_flight = [flight for flight in self.in_flight if flight.out]

    def _collect_all(self) -> list[SendResult]:
        """Wait for everything in flight, and return its results."""
        wait_for_all(self.in_flight)
        flights, self.in_flight = self.in_flight, []
        return [results for flight in flights for results in flight.collect()]

    def _add_outcomes(
        self, results: Sequence[SendResult], retry_delays: Mapping[int, float]
    ) -> None:
        not_sent = self.recorder.add(results, retry_delays)
        self.served -= len(not_sent)
        self.waiting = not_sent + self.waiting
        self.next_retry = self.recorder.outcomes.first_retry(self.next_retry)

    def _release(self) -> None:
        if self.handed_over and not self.served:
            self._pause(STUCK_WAIT)
        self.recorder.release(wait=self._seconds_to_next(), served=self.served)

    def _seconds_to_next(self) -> float:
        """Return the seconds until a message of the batch is due."""
        if self.waiting:
            return max(0.0, self.paused_until - time.monotonic())
        return 0.0 if self.due.more else self.next_retry or 0.0
