"""Marking the flights of one claimed batch, and recording what becomes of its messages.

What is known is recorded by the statement that marks the next flight, or that lets the batch go.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import InterfaceError, OperationalError, connection

from vestnik.dispatch.receive import receipts
from vestnik.dispatch.receive.late_responses import Attempt
from vestnik.dispatch.record import claims
from vestnik.dispatch.record.auto_pause import pause_if_refused
from vestnik.dispatch.record.claims import LEASE_MARGIN, Claim
from vestnik.dispatch.record.due_messages import OpenHours, QueuedMessage
from vestnik.dispatch.record.outcome_batch import OutcomeBatch
from vestnik.dispatch.record.outcome_policy import add_outcome
from vestnik.dispatch.record.recorder import (
    Mark,
    record_and_mark,
    record_and_release,
    record_late,
    seconds_to_end,
)
from vestnik.dispatch.send.flight import Flight, SendResult
from vestnik.dispatch.send.send_context import SendContext
from vestnik.dispatch.send.slow_marks import SLOW_SECONDS
from vestnik.dispatch.states import DONE, RECEIVABLE
from vestnik.mailings.window import END_GUARD
from vestnik.providers.base import Unknown

log = structlog.get_logger(__name__)

# A message leaves within this many seconds of its flight's mark or not at all, so that a
# pause or a cancellation takes effect within a second.
FLIGHT_SECONDS = 0.75
DATABASE_WAIT = 0.5
NO_RETRY_DELAYS: Mapping[int, float] = {}
DATABASE_AWAY = (OperationalError, InterfaceError)


@dataclass(frozen=True, slots=True)
class FlightTimes:
    """Until when messages of a marked flight may leave, and when its mailing ends; monotonic."""

    depart_before: float
    expires_at: float


class BatchRecorder:
    """The outcomes of one claimed batch, and the attempt under which its flights are marked."""

    def __init__(self, context: SendContext, batch: Claim) -> None:
        self._context, self._batch = context, batch
        self.outcomes = OutcomeBatch()
        self._marking: list[int] = []
        self._attempt_id: int | None = None
        self._marked_at: datetime | None = None
        self._marked_by = 0.0

    def mark(
        self, flight: Sequence[QueuedMessage], in_flight: Sequence[Flight], hours: OpenHours
    ) -> FlightTimes | None:
        """Record what is known and mark the flight beside what is out; no flight with nothing to
        record is nothing to mark.

        None where the flight must not leave. Raises LeaseLost as `record_and_mark` does.
        """
        asked_at = time.monotonic()
        if not flight and not self.outcomes.ids:
            return None
        self._attempt_id = claims.new_id()
        self._marking = ids = [message.message_id for message in flight]
        out = [message_id for earlier in in_flight for message_id in earlier.ids]
        mark = record_and_mark(
            self._batch, self.outcomes, ids, self._attempt_id, self._context.lease, out, **hours
        )
        if mark is not None:
            self._marked_at, self._marked_by = mark.marked_at, time.monotonic()
        recorded = self.outcomes
        self.outcomes = (
            OutcomeBatch(self._attempt_id, self._marked_at) if out or mark else OutcomeBatch()
        )
        self._after_recording(recorded)
        return None if mark is None else self._confirm(mark, asked_at, hours)

    def _confirm(self, mark: Mark, asked_at: float, hours: OpenHours) -> FlightTimes:
        """The times of a marked flight; of a mark that took long since it was asked again whether
        the flight may leave."""
        took = self._marked_by - asked_at
        if took < SLOW_SECONDS:
            self._context.mark_watch.record_fast()
            return _times(mark.seconds_to_end, asked_at)
        again_at, attempt = time.monotonic(), self._attempt_id or 0
        to_end = seconds_to_end(self._batch, self._marking, attempt, **hours)
        in_time = time.monotonic() - again_at < FLIGHT_SECONDS and took < LEASE_MARGIN / 2
        if not in_time:
            self._context.mark_watch.record_missed(took, len(self._marking))
        if to_end is None or not in_time:
            return _times(mark.seconds_to_end, asked_at - FLIGHT_SECONDS)
        self._context.mark_watch.record_fast()
        return _times(to_end, again_at)

    def add(
        self, results: Sequence[SendResult], retry_delays: Mapping[int, float] = NO_RETRY_DELAYS
    ) -> list[QueuedMessage]:
        """Add what became of messages; those that did not leave and may go with the next flight."""
        if not results:
            return []
        messages, outgoing, found = zip(*results, strict=True)
        for message, sent, outcome in results:
            departed = (sent.departed_at or self._marked_by) - self._marked_by
            if isinstance(outcome, Unknown):
                attempt = self.outcomes.attempt_id
                sent.attempt = Attempt(self._batch, attempt, self._marked_at, message, departed)
            add_outcome(
                self.outcomes,
                self._context.provider,
                self._batch,
                message,
                outcome,
                departed,
                retry_in_seconds=retry_delays.get(message.message_id),
            )
        self._context.counters.count_flight(self._batch.alias, outgoing, found)
        return self.outcomes.not_sent_of(messages)

    def release(self, *, wait: float, served: int) -> None:
        """Record what is known and let the batch go, for so many seconds."""
        state = record_and_release(self._batch, self.outcomes, wait=wait, served=served)
        if state is None:
            record_late(self._batch, self.outcomes)
        elif state == DONE:
            self._context.fully_sent.add(self._batch.mailing_id)
        self._after_recording(self.outcomes)

    def record_late(self, outcomes: OutcomeBatch | None = None) -> None:
        """Record what is known once the lease was taken back."""
        outcomes = outcomes or self.outcomes
        record_late(self._batch, outcomes)
        self._after_recording(outcomes)

    def _after_recording(self, recorded: OutcomeBatch) -> None:
        if self._batch.receipts and not set(RECEIVABLE).isdisjoint(recorded.states):
            receipts.apply_kept(self._batch.alias, recorded.part_ids, recorded.ids)
        if refusal := recorded.last_refusal():
            pause_if_refused(self._batch.mailing_id, refusal)

    def release_once_database_is_back(self, collect: Callable[[], Sequence[SendResult]]) -> None:
        """Record and let go after the database went away: `collect` waits for what was out then,
        which is known by the time it is back."""
        known, self.outcomes = self.outcomes, OutcomeBatch(self._attempt_id, self._marked_at)
        self.add(collect())
        known.extend(self.outcomes)
        if self.outcomes.attempt_id != known.attempt_id:
            self.outcomes.not_sent.extend(self._marking)
        while True:
            time.sleep(DATABASE_WAIT)
            try:
                connection.close()
                return self._release_unclear(known, self.outcomes)
            except DATABASE_AWAY:
                log.info("database still away", batch=self._batch.batch_id)

    def _release_unclear(self, known: OutcomeBatch, results: OutcomeBatch) -> None:
        """Nobody knows whether the last statement took effect. Either the batch is still under
        the attempt of all outcomes known, or those before it are recorded and it is under the
        next one, whose flight has not left, with what has landed since; or its lease was taken
        back, under either."""
        has_two_attempts = results.attempt_id != known.attempt_id
        if record_and_release(self._batch, known):
            return
        if has_two_attempts and record_and_release(self._batch, results):
            return
        self.record_late(known)
        if has_two_attempts:
            self.record_late(results)


def _times(seconds_to_end: float, since: float) -> FlightTimes:
    """The end counts from before the mark, and departures from after it: the one is rather too
    early, and the others never later than they were."""
    expires_at = since + seconds_to_end
    return FlightTimes(min(since + FLIGHT_SECONDS, expires_at - END_GUARD), expires_at)
