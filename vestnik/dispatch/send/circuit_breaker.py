"""The circuit breaker of a provider, shared by all workers through its row.

Closed: messages go. Open: none go until `until`, so a provider that is down costs nobody an
attempt. Half-open: one worker sends one message to try; what becomes of it closes the breaker or
opens it for longer.

It opens on what departed and went wrong. A provider that says by when it wants more is not down
but busy: its wish is a rest of the lane, and only one that is long, and of all that was answered,
opens the breaker, for so long. A refused account opens it at once, with that reason: for a moment
only where it may be that one recipient alone is refused. Where nothing even departs it may be this
worker alone that does not get through: it pauses alone, and opens the breaker only if nobody
else gets an answer.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import structlog

from vestnik.db import sql
from vestnik.dispatch.send.temporary_refusals import LONGEST_COOLDOWN
from vestnik.dispatch.signals.answering import is_answering, note_answer
from vestnik.providers.base import Accepted, Deferred, OutboundMessage, Outcome, Rejected, Unknown
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

log = structlog.get_logger(__name__)

# So many messages in a row of which none was taken or refused for good.
FAILURES_TO_OPEN = 20
SHORTEST, LONGEST = 2.0, 60.0
# No gateway's Retry-After opens the breaker for longer.
LONGEST_RETRY_AFTER = 3600.0
# Seconds for which a closed state is cached.
STATE_CACHE_SECONDS = 0.5

READ = """
SELECT state, greatest(0, extract(epoch FROM until - clock_timestamp()))::float8
FROM dispatch_breaker WHERE alias = %s AND state <> 'closed'
"""

OPEN = """
INSERT INTO dispatch_breaker
    (alias, state, openings, until, reason, reason_details, changed_at)
VALUES (%(alias)s, 'open', 1,
    clock_timestamp() + greatest(%(shortest)s::float8, %(wish)s::float8) * interval '1 second',
    %(reason)s, %(details)s::jsonb, clock_timestamp())
ON CONFLICT (alias) DO UPDATE SET
    state = 'open', openings = dispatch_breaker.openings + 1, reason = excluded.reason,
    reason_details = excluded.reason_details,
    until = clock_timestamp() + greatest(
        least(%(shortest)s * 2 ^ least(dispatch_breaker.openings, 16), %(longest)s), %(wish)s
    ) * interval '1 second',
    changed_at = clock_timestamp()
WHERE dispatch_breaker.state <> 'open'
"""

START_PROBE = """
UPDATE dispatch_breaker SET
    state = 'half-open', until = clock_timestamp() + %s * interval '1 second',
    changed_at = clock_timestamp()
WHERE alias = %s AND state <> 'closed' AND until <= clock_timestamp()
"""

RELEASE_PROBE = """
UPDATE dispatch_breaker SET until = clock_timestamp() WHERE alias = %s AND state = 'half-open'
"""

CLOSE = """
UPDATE dispatch_breaker SET state = 'closed', openings = 0, until = NULL, reason = '',
    reason_details = NULL, changed_at = clock_timestamp()
WHERE alias = %s AND state <> 'closed'
"""


class CircuitBreaker:
    """A dispatcher's view of its provider's breaker."""

    def __init__(self, alias: str, lease: float) -> None:
        self.alias, self._lease = alias, lease
        self._prober: int | None = None
        self._closed_until = 0.0
        #: Since the last good answer, and when that one's message departed.
        self._failures = self._busy_answers = 0
        self._good_at = 0.0
        #: Whose hand-overs were answered by a refusal of the account since then, and how often.
        self._refused: set[str] = set()
        self._refusals = 0
        #: Of this worker alone: what did not depart in a row, how often it rested for it.
        self._undeparted = self._local_openings = 0
        self._locally_open_until = 0.0

    @property
    def is_probing(self) -> bool:
        """Whether this thread holds the probe: all threads of a dispatcher share this."""
        return self._prober == threading.get_ident()

    @contextmanager
    def admit(self) -> Iterator[float]:
        """Yield the seconds to wait before sending; 0 to send, one message if `is_probing`.

        A probe that is without a result at the end of the block is given back: another thread may
        take it at once.
        """
        wait, start_probe = self._read()
        if start_probe and not start_probe():
            wait = STATE_CACHE_SECONDS
        try:
            yield wait
        finally:
            self._release_probe()

    def _read(self) -> tuple[float, Callable[[], bool] | None]:
        """Return the seconds to wait, and what starts the probe if it is time for one.

        Reading changes nothing that other threads or workers see.
        """
        now = time.monotonic()
        if now < self._locally_open_until:
            return self._locally_open_until - now, None
        if now < self._closed_until and not self._local_openings:
            return 0.0, None
        row = sql.row(READ, [self.alias])
        if row is None:
            self._closed_until = now + STATE_CACHE_SECONDS
            return 0.0, self._start_local_probe if self._local_openings else None
        state, wait = row
        if wait == 0:
            return 0.0, self._start_probe
        # How a try ends shows soon; an open breaker stays open for its time.
        if state == "half-open":
            return STATE_CACHE_SECONDS, None
        return min(max(float(wait), STATE_CACHE_SECONDS), LONGEST), None

    def _start_probe(self) -> bool:
        """Return whether this thread got the probe, of which there is one over all workers."""
        if not sql.run(START_PROBE, [self._lease, self.alias]):
            return False
        self._prober = threading.get_ident()
        return True

    def _start_local_probe(self) -> bool:
        """After a rest of this worker alone: by one message, though others send theirs."""
        if self._prober is None:
            self._prober = threading.get_ident()
        return self.is_probing

    def _release_probe(self) -> None:
        if self.is_probing:
            self._prober = None
            sql.run(RELEASE_PROBE, [self.alias])

    def record(self, sent: Sequence[OutboundMessage], outcomes: Sequence[Outcome | None]) -> float:
        """Learn from outcomes; return for how many seconds nothing may be sent because of them.

        A good answer speaks for all that departed before its own message did.
        """
        if {*map(type, outcomes)} == {Accepted}:  # nearly always, and a fifth of the time
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
        """Open at once where the account is refused, or perhaps is and nobody was taken since."""
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
        """Nothing got as far as the provider."""
        if not outcomes:
            return 0.0
        now = time.monotonic()
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
        if sql.run(OPEN, parameters | {"shortest": SHORTEST, "longest": longest}):
            log.error("breaker opened", provider=self.alias, reason=why.text, code=why.code)
        return SHORTEST

    def _close(self) -> None:
        self._prober = None
        if sql.run(CLOSE, [self.alias]):
            log.info("breaker closed", provider=self.alias)


def _is_busy(outcome: Outcome) -> bool:
    """It says when it wants more: it works."""
    return isinstance(outcome, Deferred) and outcome.retry_after is not None
