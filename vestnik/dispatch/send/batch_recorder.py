"""Marks the flights of one claimed batch and records their outcomes.

Known outcomes are recorded by the statement that marks the next flight or releases the batch.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from django.db import InterfaceError, OperationalError, connection

from vestnik.dispatch.receive import receipts
from vestnik.dispatch.receive.late_responses import Attempt
from vestnik.dispatch.record import claims
from vestnik.dispatch.record.auto_pause import pause_if_refused
from vestnik.dispatch.record.claims import LEASE_MARGIN, Claim
from vestnik.dispatch.record.due_messages import DueMessages, QueuedMessage
from vestnik.dispatch.record.outcome_policy import add_outcome
from vestnik.dispatch.record.recorder import (
    Mark,
    OutcomeBatch,
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

# A message leaves within this many seconds of its flight's mark or not at all, so that a pause or a
# cancellation takes effect within a second (decision 0024).
FLIGHT_SECONDS = 0.75
#: Seconds between two attempts to record while the database is away.
DATABASE_WAIT = 0.5
NO_RETRY_DELAYS: Mapping[int, float] = {}
DATABASE_AWAY = (OperationalError, InterfaceError)


@dataclass(frozen=True, slots=True)
class FlightTimes:
    """When the last message of a marked flight may leave, and when the mailing or the local hours
    end; by the monotonic clock."""

    depart_before: float
    expires_at: float


@dataclass(slots=True)
class BatchRecorder:
    """The outcomes of one claimed batch, and the attempt under which its flights are marked."""

    _context: SendContext
    _batch: Claim
    outcomes: OutcomeBatch = field(default_factory=OutcomeBatch)
    _marking: list[int] = field(default_factory=list)
    _attempt_id: int | None = None
    _marked_at: datetime | None = None
    _marked_by: float = 0.0

    def mark(
        self, flight: Sequence[QueuedMessage], in_flight: Sequence[Flight], due: DueMessages
    ) -> FlightTimes | None:
        """Record the known outcomes and mark the flight; what is `in_flight` stays in flight.

        With an empty flight only the outcomes are recorded. Return None if the flight must not
        leave. Raises LeaseLost as `record_and_mark` does.

        The times are counted from before the mark, so the end is never too late, however long the
        mark took.
        """
        asked_at = time.monotonic()
        if not flight and not self.outcomes.ids:
            return None
        self._attempt_id = claims.new_id()
        self._marking = ids = [message.message_id for message in flight]
        out = [message_id for earlier in in_flight for message_id in earlier.ids]
        hours = due.zones, due.closes
        mark = record_and_mark(
            self._batch, self.outcomes, ids, self._attempt_id, self._context.lease, out, *hours
        )
        if mark is not None:
            self._marked_at, self._marked_by = mark.marked_at, time.monotonic()
        recorded = self.outcomes
        self.outcomes = (
            OutcomeBatch(self._attempt_id, self._marked_at) if out or mark else OutcomeBatch()
        )
        if recorded.ids:
            self._after_recording(recorded)
        if mark is None:
            return None
        since, to_end = asked_at, mark.seconds_to_end
        if self._marked_by - asked_at < SLOW_SECONDS:
            self._context.mark_watch.record_fast()
        else:
            since, to_end = self._confirm_slow(mark, asked_at, due)
        expires_at = since + to_end
        return FlightTimes(min(since + FLIGHT_SECONDS, expires_at - END_GUARD), expires_at)

    def _confirm_slow(self, mark: Mark, asked_at: float, due: DueMessages) -> tuple[float, float]:
        """Ask again whether a flight may leave; return since when its time counts, and the seconds
        from then to the end.

        A slow mark leaves nothing of FLIGHT_SECONDS, so the second statement starts a new count. If
        that is slow as well, the times lie in the past and no message leaves (decision 0025).
        """
        took = self._marked_by - asked_at
        again_at, attempt = time.monotonic(), self._attempt_id or 0
        to_end = seconds_to_end(self._batch, self._marking, attempt, due.zones, due.closes)
        in_time = time.monotonic() - again_at < FLIGHT_SECONDS and took < LEASE_MARGIN / 2
        if not in_time:
            self._context.mark_watch.record_missed(took, len(self._marking))
        if to_end is None or not in_time:
            return asked_at - FLIGHT_SECONDS, mark.seconds_to_end
        self._context.mark_watch.record_fast()
        return again_at, to_end

    def add(
        self, results: Sequence[SendResult], retry_delays: Mapping[int, float] = NO_RETRY_DELAYS
    ) -> list[QueuedMessage]:
        """Add results to the outcomes; return the messages that did not leave and may be sent
        next."""

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
        """Record the known outcomes and release the batch, claimable again after `wait` seconds."""
        state = record_and_release(self._batch, self.outcomes, wait=wait, served=served)
        if state is None:
            record_late(self._batch, self.outcomes)
        elif state == DONE:
            self._context.fully_sent.add(self._batch.mailing_id)
        self._after_recording(self.outcomes)

    def record_late(self, outcomes: OutcomeBatch | None = None) -> None:
        """Record outcomes after the lease was taken back."""
        outcomes = outcomes or self.outcomes
        record_late(self._batch, outcomes)
        self._after_recording(outcomes)

    def _after_recording(self, recorded: OutcomeBatch) -> None:
        if self._batch.receipts and not set(RECEIVABLE).isdisjoint(recorded.states):
            receipts.apply_kept(self._batch.alias, recorded.part_ids, recorded.ids)
        if refusal := recorded.last_refusal():
            pause_if_refused(self._batch.mailing_id, refusal)

    def release_once_database_is_back(self, collect: Callable[[], Sequence[SendResult]]) -> None:
        """Record and release after the database was away.

        `collect` waits for the messages in flight: by the provider's deadline all outcomes are
        known.
        """
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
                log.info("database still unavailable", batch=self._batch.batch_id)

    def _release_unclear(self, known: OutcomeBatch, results: OutcomeBatch) -> None:
        """Record outcomes although it is unclear whether the last statement was committed.

        If it was not, the batch is under the attempt of `known`, which holds all outcomes. If it
        was, the batch is under the next attempt, whose flight has not left, and only `results` are
        still to be recorded; or under none, if that flight was refused and nothing else was out. If
        none matches, the lease was taken back under one of the two attempts.
        """
        has_two_attempts = results.attempt_id != known.attempt_id
        if record_and_release(self._batch, known):
            return
        if has_two_attempts and any(
            record_and_release(self._batch, each) for each in (results, OutcomeBatch())
        ):
            return
        self.record_late(known)
        if has_two_attempts:
            self.record_late(results)
