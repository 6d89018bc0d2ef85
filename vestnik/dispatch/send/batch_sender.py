"""Sending one claimed batch: flight by flight, until it is empty or must be let go.

No transaction is open while a flight is out. A flight whose slowest answers are still to come does
not hold up the next one: they stay in flight beside it. Once nothing is left to send, the
dispatcher goes on without them: see `stragglers`.
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
from vestnik.dispatch.record.claims import LEASE_MARGIN, Claim, QueuedMessage
from vestnik.dispatch.record.outcome_batch import OutcomeBatch
from vestnik.dispatch.record.outcome_policy import add_outcome
from vestnik.dispatch.record.recorder import (
    LeaseLost,
    Mark,
    record_and_mark,
    record_and_release,
    record_late,
    seconds_to_end,
)
from vestnik.dispatch.send.auto_pause import pause_if_refused
from vestnik.dispatch.send.circuit_breaker import CircuitBreaker
from vestnik.dispatch.send.cooldowns import Cooldowns
from vestnik.dispatch.send.fair_queue import FairQueue
from vestnik.dispatch.send.flight import (
    SHORTEST_ANSWER_WAIT,
    Flight,
    SendResult,
    wait_for_all,
    wait_for_any,
)
from vestnik.dispatch.send.permits import Allowance
from vestnik.dispatch.send.provider_pool import ProviderPool
from vestnik.dispatch.send.rate_limit import Grant, Rate, RateLimiterUnavailable
from vestnik.dispatch.send.slow_marks import SLOW_SECONDS, MarkWatch
from vestnik.dispatch.send.temporary_refusals import RefusalTracker
from vestnik.dispatch.signals.metrics import Counters
from vestnik.mailings.window import END_GUARD
from vestnik.providers.base import Accepted, OutboundMessage, Provider, Rejected, Unknown

log = structlog.get_logger(__name__)

# A message leaves within this many seconds of its flight's mark or not at all, so that a
# pause or a cancellation takes effect within a second.
FLIGHT_SECONDS = 0.75
# A flight of which nothing left is not tried again at once. By SMPP it is the one that finds the
# connection resting, for 0.05 s at first.
STUCK_WAIT = 0.1
REDIS_WAIT = 1.0
# A rate limit is asked again after so long: its rate or Redis's clock may have changed.
LONGEST_RATE_WAIT = 5.0
DATABASE_WAIT = 0.5
# A flight with nothing but trouble so far is not judged by it while answers that are slower than
# a gateway's refusals may still come; for so many seconds.
SLOW_ANSWER_WAIT = 1.0
# What a receipt can settle.
RECEIVABLE = frozenset({"sent", "unknown"})
NO_RETRY_DELAYS: Mapping[int, float] = {}
DATABASE_AWAY = (OperationalError, InterfaceError)


@dataclass(frozen=True, slots=True)
class SendContext:
    """What all batches of one provider share."""

    provider: Provider
    pool: ProviderPool
    breaker: CircuitBreaker
    counters: Counters
    stopping: Callable[[], bool]
    cooldowns: Cooldowns
    fair_queue: FairQueue = field(init=False)
    mark_watch: MarkWatch = field(init=False)
    refusals: RefusalTracker = field(default_factory=RefusalTracker)
    #: Mailings with a fully sent batch: they may be finished.
    fully_sent: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fair_queue", FairQueue(self.provider))
        object.__setattr__(self, "mark_watch", MarkWatch(self.provider.window))

    @property
    def lease(self) -> float:
        return lease_of(self.provider)


def lease_of(provider: Provider) -> float:
    """How long a claim lasts without a new flight: longer than any hand-over can take."""
    return provider.deadline + LEASE_MARGIN


class BatchSender:
    """Sends one claimed batch."""

    def __init__(
        self, context: SendContext, batch: Claim, allowance: Allowance | None = None
    ) -> None:
        self.context, self.batch = context, batch
        self.allowance = allowance or Allowance(context.provider)
        self.due = claims.load_due(
            batch, 2 * context.provider.window if self._is_rate_limited else claims.NO_LIMIT
        )
        self.waiting, self.next_retry = self.due.messages, self.due.next_retry
        self.in_flight: list[Flight] = []
        self.marking: list[int] = []
        self.outcomes = OutcomeBatch()
        #: How many were handed over under this claim, those that are out included.
        self.served = self.handed_over = 0
        self.attempt_id: int | None = None
        self.marked_at: datetime | None = None
        self.marked_by = 0.0
        #: Draining: no flight leaves any more under this claim. None leaves before these instants.
        self.draining = self._renew_outdated_text()
        self.paused_until = self.next_grant_at = 0.0

    def _renew_outdated_text(self) -> bool:
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
            self._release_once_database_is_back()
            return True

    def _send_flights(self) -> bool:
        try:
            self._collect()
            while (flight := self._next_flight()) or self._may_send_more():
                mark, asked_at = self._mark(flight)
                if mark and flight:
                    self._send_flight(flight, mark, asked_at)
                else:
                    self._wait_for_answers()
                self._collect()
            if self.in_flight:
                self._mark([])
                self.draining = True
                return False
            self._release()
        except LeaseLost:
            self._add_outcomes(self._collect_all())
            self._record_late(self.outcomes)
        return True

    def _may_send_more(self) -> bool:
        """Whether messages may leave once others are answered, or a pause is over."""
        more = self.waiting and not self.draining and not self.context.stopping()
        return bool(more and self.in_flight)

    def _next_flight(self) -> list[QueuedMessage]:
        if not self.waiting or self.draining or self.context.stopping() or self._pause_left() > 0:
            return []
        turn = self._turn_left()
        if turn <= 0:
            self.draining = True
            return []
        window = 1 if self.context.breaker.is_probing else self.context.provider.window
        room = window - sum(len(flight.out) for flight in self.in_flight)
        if 2 * room < window:
            return []
        grant = self._acquire_permits(
            min(room, len(self.waiting), turn, self.context.mark_watch.flight_limit)
        )
        if self.context.breaker.is_probing:  # never the same one twice, where there is another
            last_refused = self.context.refusals.last_refused
            self.waiting.sort(key=lambda one: (one.attempts, last_refused(one.phone_number)))
        return self.waiting[: grant.granted]

    def _turn_left(self) -> int:
        left = self.context.fair_queue.turn_left(self.batch.mailing_id, self.served)
        return len(self.waiting) if left is None else left

    def _pause_left(self) -> float:
        own = max(self.paused_until, self.next_grant_at) - time.monotonic()
        return max(own, self.context.cooldowns.provider_throttled_for)

    def _acquire_permits(self, want: int) -> Grant:
        try:
            grant = self.allowance.take(want, self._weight, self._mailing_rate)
        except RateLimiterUnavailable:
            grant = Grant(0, REDIS_WAIT)
        if not grant.granted:
            mine = grant.reason and grant.reason == self._mailing_rate
            wait = min(grant.wait, LONGEST_RATE_WAIT)
            self.context.cooldowns.add(self.batch.mailing_id if mine else None, wait)
            self.next_grant_at = time.monotonic() + wait
        elif self._is_rate_limited:
            self.context.counters.count("permits", self.batch.alias, grant.granted)
        return grant

    @property
    def _mailing_rate(self) -> Rate | None:
        limit = self.batch.rate_limit
        return Rate(f"mailing:{self.batch.mailing_id}", limit) if limit else None

    @property
    def _weight(self) -> int:
        """Of a personalised text the longest of the next flight counts: rather too slow."""
        if self.context.provider.paced_by == "message":
            return 1
        return max(message.segments for message in self.waiting[: self.context.provider.window])

    @property
    def _is_rate_limited(self) -> bool:
        return bool(self.context.provider.max_rate or self.batch.rate_limit)

    def _mark(self, flight: Sequence[QueuedMessage]) -> tuple[Mark | None, float]:
        """Record what is known and mark the flight beside what is out; no flight with nothing to
        record is nothing to mark."""
        asked_at = time.monotonic()
        if not flight and not self.outcomes.ids:
            return None, asked_at
        self.attempt_id = claims.new_id()
        self.marking = ids = [message.message_id for message in flight]
        out = [message_id for earlier in self.in_flight for message_id in earlier.ids]
        hours = self.due.hours
        lease = self.context.lease
        mark = record_and_mark(self.batch, self.outcomes, ids, self.attempt_id, lease, out, **hours)
        if mark is not None:
            self.marked_at, self.marked_by = mark.marked_at, time.monotonic()
        self.draining = self.draining or bool(flight and mark is None)
        is_under_attempt = out or mark
        recorded = self.outcomes
        self.outcomes = (
            OutcomeBatch(self.attempt_id, self.marked_at) if is_under_attempt else OutcomeBatch()
        )
        self._after_recording(recorded)
        return self._confirm_mark(mark, asked_at)

    def _confirm_mark(self, mark: Mark | None, asked_at: float) -> tuple[Mark | None, float]:
        """A flight and since when its time counts: of a mark that took long, since it was asked
        again whether it may leave."""
        if mark is None:
            return None, asked_at
        took = self.marked_by - asked_at
        if took < SLOW_SECONDS:
            self.context.mark_watch.record_fast()
            return mark, asked_at
        again_at, attempt = time.monotonic(), self.attempt_id or 0
        to_end = seconds_to_end(self.batch, self.marking, attempt, **self.due.hours)
        in_time = time.monotonic() - again_at < FLIGHT_SECONDS and took < LEASE_MARGIN / 2
        if not in_time:
            self.context.mark_watch.record_missed(took, len(self.marking))
        if to_end is None or not in_time:
            return mark, asked_at - FLIGHT_SECONDS
        self.context.mark_watch.record_fast()
        return Mark(mark.marked_at, to_end), again_at

    def _after_recording(self, recorded: OutcomeBatch) -> None:
        if self.batch.receipts and not RECEIVABLE.isdisjoint(recorded.states):
            receipts.apply_kept(self.batch.alias, recorded.part_ids, recorded.ids)
        if refusal := recorded.last_refusal():
            pause_if_refused(self.batch.mailing_id, refusal)

    def _send_flight(self, messages: Sequence[QueuedMessage], mark: Mark, asked_at: float) -> None:
        """Hand a marked flight over. The end counts from before the mark, and departures from
        after it: the one is rather too early, and the others never later than they were."""
        expires_at = asked_at + mark.seconds_to_end
        depart_before = min(asked_at + FLIGHT_SECONDS, expires_at - END_GUARD)
        outgoing = [
            OutboundMessage(
                self.batch.mailing_id,
                message.message_id,
                message.phone_number,
                self.batch.text if message.text is None else message.text,
                depart_before=depart_before,
                expires_at=expires_at,
            )
            for message in messages
        ]
        provider = self.context.provider
        flight = Flight(
            provider, messages, outgoing, self.context.pool.hand_over(provider, outgoing)
        )
        self.waiting = self.waiting[len(messages) :]
        self.in_flight.append(flight)
        self.served, self.handed_over = self.served + len(messages), self.handed_over + len(
            messages
        )
        if self._is_last_of_turn():
            return
        flight.wait_for_most()
        results = flight.collect()
        if flight.out and not any(isinstance(o, (Accepted, Rejected)) for _, _, o in results):
            wait_for_all([flight], SLOW_ANSWER_WAIT)
            results += flight.collect()
        self._process_results(results)
        if not self.outcomes.ids and not flight.out and self._pause_left() <= 0:
            self.draining = True
            self._pause(STUCK_WAIT)

    def _is_last_of_turn(self) -> bool:
        """Whether others go on while this one's answers come: of a slow gateway under a pace they
        take longer than a turn."""
        if not self.context.provider.max_rate or self.context.breaker.is_probing:
            return False
        return self._turn_left() <= 0

    def _process_results(self, results: Sequence[SendResult]) -> None:
        """Add the outcomes of results, and decide by them whether to go on."""
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
        """Of what is out: until there are some, or it is time to look again."""
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
        self, results: Sequence[SendResult], retry_delays: Mapping[int, float] = NO_RETRY_DELAYS
    ) -> None:
        if not results:
            return
        messages, outgoing, found = zip(*results, strict=True)
        for message, sent, outcome in results:
            departed = (sent.departed_at or self.marked_by) - self.marked_by
            if isinstance(outcome, Unknown):
                attempt = self.outcomes.attempt_id
                sent.attempt = Attempt(self.batch, attempt, self.marked_at, message, departed)
            add_outcome(
                self.outcomes,
                self.context.provider,
                self.batch,
                message,
                outcome,
                departed,
                retry_in_seconds=retry_delays.get(message.message_id),
            )
        not_sent = self.outcomes.not_sent_of(messages)
        self.served -= len(not_sent)
        self.waiting = not_sent + self.waiting
        self.next_retry = self.outcomes.first_retry(self.next_retry)
        self.context.counters.count_flight(self.batch.alias, outgoing, found)

    def _release(self) -> None:
        if self.handed_over and not self.served:
            self._pause(STUCK_WAIT)
        wait = self._seconds_to_next()
        state = record_and_release(self.batch, self.outcomes, wait=wait, served=self.served)
        if state is None:
            record_late(self.batch, self.outcomes)
        elif state == "done":
            self.context.fully_sent.add(self.batch.mailing_id)
        self._after_recording(self.outcomes)

    def _seconds_to_next(self) -> float:
        """Until something of the batch is due."""
        if self.waiting:
            return max(0.0, self.paused_until - time.monotonic())
        return 0.0 if self.due.more else self.next_retry or 0.0

    def _record_late(self, outcomes: OutcomeBatch) -> None:
        record_late(self.batch, outcomes)
        self._after_recording(outcomes)

    def _release_once_database_is_back(self) -> None:
        """What was out when the database went away is known by the time it is back."""
        known, self.outcomes = self.outcomes, OutcomeBatch(self.attempt_id, self.marked_at)
        self._add_outcomes(self._collect_all())
        known.extend(self.outcomes)
        if self.outcomes.attempt_id != known.attempt_id:
            self.outcomes.not_sent.extend(self.marking)
        while True:
            time.sleep(DATABASE_WAIT)
            try:
                connection.close()
                return self._release_unclear(known, self.outcomes)
            except DATABASE_AWAY:
                log.info("database still away", batch=self.batch.batch_id)

    def _release_unclear(self, known: OutcomeBatch, results: OutcomeBatch) -> None:
        """Nobody knows whether the last statement took effect. Either the batch is still under
        the attempt of all outcomes known, or those before it are recorded and it is under the
        next one, whose flight has not left, with what has landed since; or its lease was taken
        back, under either."""
        has_two_attempts = results.attempt_id != known.attempt_id
        if record_and_release(self.batch, known):
            return
        if has_two_attempts and record_and_release(self.batch, results):
            return
        self._record_late(known)
        if has_two_attempts:
            self._record_late(results)
