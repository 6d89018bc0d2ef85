"""The circuit breaker of a provider: a row in PostgreSQL that all workers share (decision 0043).

Closed: messages leave. Open: none leave until `until`, so a provider that is down costs no message
an attempt. Half-open: one worker sends one message as a probe; its outcome closes the breaker or
opens it for longer.

What opens it:

- FAILURES_TO_OPEN failures in a row of messages that departed.
- Deferrals with a Retry-After do not count as failures: the provider is busy, not down, and the
  dispatcher only cools down (decision 0044). The breaker opens for that time if FAILURES_TO_OPEN
  answers in a row are such and the time is longer than LONGEST_COOLDOWN.
- A refused account opens it at once, with that reason; for SHORTEST seconds only while the refusal
  may concern one recipient.
- If nothing departs, the cause may be this worker. It rests alone, and opens the breaker only if no
  other worker gets answers (decision 0045).
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import structlog

from vestnik.db import sql
from vestnik.dispatch.send.temporary_refusals import LONGEST_COOLDOWN
from vestnik.dispatch.signals.answering import is_answering, note_answer
from vestnik.dispatch.states import BreakerState
from vestnik.dispatch.transitions.breaker import CLOSE, OPEN, RELEASE_PROBE, START_PROBE
from vestnik.providers.base import Accepted, Deferred, OutboundMessage, Outcome, Rejected, Unknown
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

log = structlog.get_logger(__name__)

#: Failures in a row that open the breaker; an accepted or permanently refused message ends the row.
FAILURES_TO_OPEN = 20
#: Seconds for which it opens the first time, and at most; doubled with each failed probe.
SHORTEST, LONGEST = 2.0, 60.0
#: Seconds for which a gateway's Retry-After can open the breaker at most.
LONGEST_RETRY_AFTER = 3600.0
#: Seconds for which a dispatcher caches a closed state: two small reads a second.
STATE_CACHE_SECONDS = 0.5

# No row means closed: a provider that never failed has none.
READ = f"""
SELECT state, greatest(0, extract(epoch FROM until - clock_timestamp()))::float8
FROM dispatch_breaker WHERE alias = %s AND state <> '{BreakerState.CLOSED}'
"""


class CircuitBreaker:
    """A dispatcher's view of its provider's breaker."""

    def __init__(
        self, alias: str, lease: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.alias, self._lease, self._clock = alias, lease, clock
        self._prober: int | None = None
        self._closed_until = 0.0
        #: Failures and busy answers since the last good answer; when its message departed.
        self._failures = self._busy_answers = 0
        self._good_at = 0.0
        #: Recipients whose messages met a refused account since then, and the number of refusals.
        self._refused: set[str] = set()
        self._refusals = 0
        #: Of this worker alone: messages in a row that did not depart, and rests because of them.
        self._undeparted = self._local_openings = 0
        self._locally_open_until = 0.0

    @property
    def is_probing(self) -> bool:
        """Whether the current thread holds the probe. The threads of a dispatcher share this
        object."""
        return self._prober == threading.get_ident()

    @contextmanager
    def admit(self) -> Iterator[float]:
        """Yield the seconds to wait before sending; 0 to send, one message if `is_probing`.

        A probe without a result at the end of the block is released: another thread may take it at
        once.
        """
        wait, start_probe = self._read()
        if start_probe and not start_probe():
            wait = STATE_CACHE_SECONDS
        try:
            yield wait
        finally:
            self._release_probe()

    def _read(self) -> tuple[float, Callable[[], bool] | None]:
        """Return the seconds to wait, and the function that starts the probe if one is due.

        Reading changes no state that other threads or workers see.
        """
        now = self._clock()
        if now < self._locally_open_until:
            return self._locally_open_until - now, None
        if now < self._closed_until and not self._local_openings:
            return 0.0, None
        row = sql.run(READ, [self.alias]).fetchone()
        if row is None:
            self._closed_until = now + STATE_CACHE_SECONDS
            return 0.0, self._start_local_probe if self._local_openings else None
        state, wait = row
        if wait == 0:
            return 0.0, self._start_probe
        # A probe ends soon, so its result is read again soon; an open breaker stays open.
        if state == BreakerState.HALF_OPEN:
            return STATE_CACHE_SECONDS, None
        return min(max(float(wait), STATE_CACHE_SECONDS), LONGEST), None

    def _start_probe(self) -> bool:
        """Try to take the one probe of all workers; return whether this thread got it."""
        if not sql.run(START_PROBE, [self._lease, self.alias]).rowcount:
            return False
        self._prober = threading.get_ident()
        return True

    def _start_local_probe(self) -> bool:
        """Try to take this worker's probe after it rested alone; return whether this thread got
        it."""
        if self._prober is None:
            self._prober = threading.get_ident()
        return self.is_probing

    def _release_probe(self) -> None:
        if self.is_probing:
            self._prober = None
            sql.run(RELEASE_PROBE, [self.alias])

    def record(self, sent: Sequence[OutboundMessage], outcomes: Sequence[Outcome | None]) -> float:
        """Count outcomes; return the seconds for which nothing may be sent because of them.

        A good answer cancels failures of all messages that departed before its own message did.
        """
        # The usual case, in a fifth of the time of the loop below.
        if {*map(type, outcomes)} == {Accepted}:
            return self._record_success(sent[-1].departed_at or 0.0)
        failures: list[tuple[OutboundMessage, Deferred | Unknown]] = []
        undeparted: list[Deferred | Unknown] = []
        good_at = 0.0
        for message, outcome in zip(sent, outcomes, strict=True):
            if isinstance(outcome, (Accepted, Rejected)):
                good_at = max(good_at, message.departed_at or 0.0)
            elif outcome is not None:
                if message.departed_at is None:
                    undeparted.append(outcome)
                else:
                    failures.append((message, outcome))
        if good_at:
            self._record_success(good_at)
        elif not failures:
            return self._record_undeparted(undeparted)
        self._undeparted = self._local_openings = 0
        after = [(m, outcome) for m, outcome in failures if (m.departed_at or 0.0) > self._good_at]
        return self._record_failures(after) if after else 0.0

    def _record_success(self, departed_at: float) -> float:
        note_answer(self.alias)
        self._good_at = max(self._good_at, departed_at)
        self._failures = self._busy_answers = self._undeparted = self._local_openings = 0
        self._refusals = 0
        self._refused.clear()
        if self.is_probing:
            self._close()
        return 0.0

    def _record_failures(
        self, failures: Sequence[tuple[OutboundMessage, Deferred | Unknown]]
    ) -> float:
        if pause := self._record_account_refusals(failures):
            return pause
        outcomes = [outcome for _, outcome in failures]
        retry_afters = {
            o.retry_after: o for o in outcomes if isinstance(o, Deferred) and o.retry_after
        }
        busy = sum(_is_busy(outcome) for outcome in outcomes)
        self._busy_answers += busy
        self._failures += len(outcomes) - busy
        if busy < len(outcomes) and (self.is_probing or self._failures >= FAILURES_TO_OPEN):
            return self._open(outcomes[-1].reason)
        retry_after = min(max(retry_afters, default=0.0), LONGEST_RETRY_AFTER)
        if retry_after > LONGEST_COOLDOWN and (
            self.is_probing or self._busy_answers >= FAILURES_TO_OPEN
        ):
            reason = retry_afters[max(retry_afters)].reason
            asks = Reason(Code.ASKS_TO_WAIT, reason=reason, seconds=retry_after)
            return self._open(asks, retry_after)
        if self.is_probing:
            self._close()
        return 0.0

    def _record_account_refusals(
        self, failures: Sequence[tuple[OutboundMessage, Deferred | Unknown]]
    ) -> float:
        """Open if the account is certainly refused, or was refused twice without a good answer."""
        refusals = [
            (m.phone_number, o) for m, o in failures if isinstance(o, Deferred) and o.account
        ]
        if not refusals:
            return 0.0
        self._refused |= {phone_number for phone_number, _ in refusals}
        self._refusals += len(refusals)
        _, last = refusals[-1]
        is_certain = any(outcome.account == "certainly" for _, outcome in refusals)
        if not (is_certain or self.is_probing or self._refusals > 1):
            return 0.0
        if is_certain or len(self._refused) > 1:
            return self._open(last.reason, min(last.retry_after or 0.0, LONGEST_RETRY_AFTER))
        return self._open(last.reason, longest=SHORTEST)

    def _record_undeparted(self, outcomes: Sequence[Deferred | Unknown]) -> float:
        """Count messages that did not depart; rest this worker after FAILURES_TO_OPEN of them."""
        if not outcomes:
            return 0.0
        now = self._clock()
        if now < self._locally_open_until:
            return self._locally_open_until - now
        self._undeparted += len(outcomes)
        at_once = any(isinstance(o, Deferred) and o.provider_wide for o in outcomes)
        if not (at_once or self.is_probing or self._undeparted >= FAILURES_TO_OPEN):
            return 0.0
        pause = min(SHORTEST * 2.0 ** min(self._local_openings, 16), LONGEST)
        self._undeparted, self._local_openings, self._locally_open_until = (
            0,
            self._local_openings + 1,
            now + pause,
        )
        refused = any(isinstance(o, Deferred) and o.account for o in outcomes)
        if (refused or self._local_openings > 1) and not is_answering(self.alias):
            self._open(outcomes[-1].reason)
        return pause

    # Returns the shortest time: the dispatcher reads the row then, which has the exact one.
    def _open(self, reason: str, retry_after: float = 0.0, longest: float = LONGEST) -> float:
        self._failures = self._busy_answers = 0
        self._closed_until, self._prober = 0.0, None
        why = Reason.of(reason).fit()
        parameters = {
            "alias": self.alias,
            "reason": why.text,
            "details": why.json,
            "wish": retry_after,
        }
        if sql.run(OPEN, parameters | {"shortest": SHORTEST, "longest": longest}).rowcount:
            log.error("breaker opened", provider=self.alias, reason=why.text, code=why.code)
        return SHORTEST

    def _close(self) -> None:
        self._prober = None
        if sql.run(CLOSE, [self.alias]).rowcount:
            log.info("breaker closed", provider=self.alias)


def _is_busy(outcome: Outcome) -> bool:
    """Return whether the provider asks to wait: it works, and takes messages later."""
    return isinstance(outcome, Deferred) and outcome.retry_after is not None
