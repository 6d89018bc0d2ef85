"""The circuit breaker of a provider, shared by all workers through its row.

Closed: messages go. Open: none go until `until`, so a provider that is down costs nobody an
attempt. Half-open: one worker sends one message to try; what becomes of it closes the breaker or
opens it for longer.
"""

import threading
import time
from collections.abc import Sequence

import structlog

from vestnik.dispatch import sql
from vestnik.providers.base import Accepted, Outcome, Rejected

log = structlog.get_logger(__name__)

# So many messages in a row of which none was taken or refused for good.
TROUBLES_TO_OPEN = 20
SHORTEST, LONGEST = 2.0, 60.0
# For so long a lane believes what it read of a closed breaker.
BELIEVE = 0.5

READ = """
SELECT state, greatest(0, extract(epoch FROM until - clock_timestamp()))::float8
FROM dispatch_breaker WHERE alias = %s AND state <> 'closed'
"""

OPEN = """
INSERT INTO dispatch_breaker (alias, state, openings, until, reason, changed_at)
VALUES (%s, 'open', 1, clock_timestamp() + %s * interval '1 second', %s, clock_timestamp())
ON CONFLICT (alias) DO UPDATE SET
    state = 'open', openings = dispatch_breaker.openings + 1, reason = excluded.reason,
    until = clock_timestamp()
        + least(%s * 2 ^ least(dispatch_breaker.openings, 16), %s) * interval '1 second',
    changed_at = clock_timestamp()
WHERE dispatch_breaker.state <> 'open'
"""

PROBE = """
UPDATE dispatch_breaker SET
    state = 'half-open', until = clock_timestamp() + %s * interval '1 second',
    changed_at = clock_timestamp()
WHERE alias = %s AND state <> 'closed' AND until <= clock_timestamp()
"""

FORGO = """
UPDATE dispatch_breaker SET until = clock_timestamp() WHERE alias = %s AND state = 'half-open'
"""

CLOSE = """
UPDATE dispatch_breaker SET state = 'closed', openings = 0, until = NULL, reason = '',
    changed_at = clock_timestamp()
WHERE alias = %s AND state <> 'closed'
"""


class Breaker:
    """A lane's view of its provider's breaker."""

    def __init__(self, alias: str, lease: float) -> None:
        self.alias, self._lease = alias, lease
        self._prober: int | None = None
        self._troubles = 0
        self._believed_until = 0.0

    @property
    def probing(self) -> bool:
        """Whether this thread is the one that tries: others of the lane share this object."""
        return self._prober == threading.get_ident()

    def wait(self) -> float:
        """Seconds for which nothing may be sent; 0 where something may, `probing` says how much."""
        if time.monotonic() < self._believed_until:
            return 0.0
        row = sql.row(READ, [self.alias])
        if row is None:
            self._believed_until = time.monotonic() + BELIEVE
            return 0.0
        state, wait = row
        if wait == 0 and sql.run(PROBE, [self._lease, self.alias]):
            self._prober = threading.get_ident()
            return 0.0
        # How a try ends shows soon; an open breaker stays open for its time.
        return BELIEVE if state == "half-open" else max(float(wait), BELIEVE)

    def forgo(self) -> None:
        """There is nothing to try with: whoever has something may, at once."""
        if self.probing:
            self._prober = None
            sql.run(FORGO, [self.alias])

    def note(self, outcomes: Sequence[Outcome | None]) -> float:
        """Learn from a flight's outcomes; for how many seconds it opened on them, if it did."""
        if any(isinstance(outcome, (Accepted, Rejected)) for outcome in outcomes):
            self._troubles = 0
            if self.probing:
                self._close()
            return 0.0
        troubles = [outcome for outcome in outcomes if outcome is not None]
        self._troubles += len(troubles)
        if troubles and (self.probing or self._troubles >= TROUBLES_TO_OPEN):
            return self._open(getattr(troubles[-1], "reason", ""))
        return 0.0

    def _open(self, reason: str) -> float:
        self._troubles, self._believed_until, self._prober = 0, 0.0, None
        if sql.run(OPEN, [self.alias, SHORTEST, reason, SHORTEST, LONGEST]):
            log.error("breaker opened", provider=self.alias, reason=reason)
        return SHORTEST

    def _close(self) -> None:
        self._prober = None
        if sql.run(CLOSE, [self.alias]):
            log.info("breaker closed", provider=self.alias)
