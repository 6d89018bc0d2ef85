"""The circuit breaker of a provider, shared by all workers through its row.

Closed: messages go. Open: none go until `until`, so a provider that is down costs nobody an
attempt. Half-open: one worker sends one message to try; what becomes of it closes the breaker or
opens it for longer.

It opens on what departed and went wrong. A provider that says by when it wants more is not down
but busy: its wish is a rest of the lane, and only one that is long, and of all that was answered,
opens the breaker, for so long. A refused account opens it at once, with that reason: for a moment
only where it may be that one recipient alone is refused. Where nothing even departs it may be this
worker alone that does not get through: it rests by itself, and opens the breaker only if nobody
else gets an answer.
"""

import threading
import time
from collections.abc import Sequence

import structlog

from vestnik.db import sql
from vestnik.dispatch.send.temporary_refusals import LONGEST_REST
from vestnik.dispatch.signals.metrics import is_answering
from vestnik.providers.base import Accepted, Deferred, Outcome, Outgoing, Rejected, Unknown

log = structlog.get_logger(__name__)

# So many messages in a row of which none was taken or refused for good.
TROUBLES_TO_OPEN = 20
SHORTEST, LONGEST = 2.0, 60.0
# No gateway's wish parks its provider for longer.
LONGEST_WISH = 3600.0
# For so long a lane believes what it read of a closed breaker.
BELIEVE = 0.5

READ = """
SELECT state, greatest(0, extract(epoch FROM until - clock_timestamp()))::float8
FROM dispatch_breaker WHERE alias = %s AND state <> 'closed'
"""

OPEN = """
INSERT INTO dispatch_breaker (alias, state, openings, until, reason, changed_at)
VALUES (%(alias)s, 'open', 1,
    clock_timestamp() + greatest(%(shortest)s, %(wish)s) * interval '1 second',
    %(reason)s, clock_timestamp())
ON CONFLICT (alias) DO UPDATE SET
    state = 'open', openings = dispatch_breaker.openings + 1, reason = excluded.reason,
    until = clock_timestamp() + greatest(
        least(%(shortest)s * 2 ^ least(dispatch_breaker.openings, 16), %(longest)s), %(wish)s
    ) * interval '1 second',
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
        self._believed_until = 0.0
        #: Since the last good answer, and when that one's message departed.
        self._troubles = self._wishes = 0
        self._good_at = 0.0
        #: Whose hand-overs were answered by a refusal of the account since then, and how often.
        self._refused: set[str] = set()
        self._refusals = 0
        #: Of this worker alone: what did not depart in a row, how often it rested for it.
        self._stranded = self._rests = 0
        self._rests_until = 0.0

    @property
    def probing(self) -> bool:
        """Whether this thread is the one that tries: others of the lane share this object."""
        return self._prober == threading.get_ident()

    def wait(self) -> float:
        """Seconds for which nothing may be sent; 0 where something may, `probing` says how much."""
        now = time.monotonic()
        if now < self._rests_until:
            return self._rests_until - now
        if now < self._believed_until and not self._rests:
            return 0.0
        row = sql.row(READ, [self.alias])
        if row is None:
            self._believed_until = now + BELIEVE
            return self._try_alone() if self._rests else 0.0
        state, wait = row
        if wait == 0 and sql.run(PROBE, [self._lease, self.alias]):
            self._prober = threading.get_ident()
            return 0.0
        # How a try ends shows soon; an open breaker stays open for its time.
        return BELIEVE if state == "half-open" else min(max(float(wait), BELIEVE), LONGEST)

    def _try_alone(self) -> float:
        """After a rest of this worker alone: by one message, though others send theirs."""
        if self._prober is None:
            self._prober = threading.get_ident()
        return 0.0 if self.probing else BELIEVE

    def forgo(self) -> None:
        """There is nothing to try with: whoever has something may, at once."""
        if self.probing:
            self._prober = None
            sql.run(FORGO, [self.alias])

    def note(self, sent: Sequence[Outgoing], outcomes: Sequence[Outcome | None]) -> float:
        """Learn from what landed; for how many seconds nothing goes on account of it, if so.

        A good answer speaks for all that departed before its own message did, whenever they land.
        """
        if {*map(type, outcomes)} == {Accepted}:  # nearly always, and a fifth of the time
            return self._note_good(sent[-1].departed_at or 0.0)
        bad: list[tuple[Outgoing, Deferred | Unknown]] = []
        stranded: list[Deferred | Unknown] = []
        good_at = 0.0
        for message, outcome in zip(sent, outcomes, strict=True):
            if isinstance(outcome, (Accepted, Rejected)):
                good_at = max(good_at, message.departed_at or 0.0)
            elif outcome is not None:
                if message.departed_at is None:
                    stranded.append(outcome)
                else:
                    bad.append((message, outcome))
        if good_at:
            self._note_good(good_at)
        elif not bad:
            return self._note_stranded(stranded)
        self._stranded = self._rests = 0
        after = [(m, outcome) for m, outcome in bad if (m.departed_at or 0.0) > self._good_at]
        return self._note_bad(after) if after else 0.0

    def _note_good(self, departed_at: float) -> float:
        self._good_at = max(self._good_at, departed_at)
        self._troubles = self._wishes = self._stranded = self._rests = 0
        self._refusals = 0
        self._refused.clear()
        if self.probing:
            self._close()
        return 0.0

    def _note_bad(self, bad: Sequence[tuple[Outgoing, Deferred | Unknown]]) -> float:
        if rest := self._note_refused_account(bad):
            return rest
        outcomes = [outcome for _, outcome in bad]
        wishes = {o.retry_after: o for o in outcomes if isinstance(o, Deferred) and o.retry_after}
        busy = sum(_is_busy(outcome) for outcome in outcomes)
        self._wishes += busy
        self._troubles += len(outcomes) - busy
        if busy < len(outcomes) and (self.probing or self._troubles >= TROUBLES_TO_OPEN):
            return self._open(outcomes[-1].reason)
        wish = min(max(wishes, default=0.0), LONGEST_WISH)
        if wish > LONGEST_REST and (self.probing or self._wishes >= TROUBLES_TO_OPEN):
            return self._open(f"{wishes[max(wishes)].reason} (it says: after {wish:g} s)", wish)
        if self.probing:
            self._close()
        return 0.0

    def _note_refused_account(self, bad: Sequence[tuple[Outgoing, Deferred | Unknown]]) -> float:
        """Open at once where the account is refused, or perhaps is and nobody was taken since."""
        found = [(m.phone_number, o) for m, o in bad if isinstance(o, Deferred) and o.account]
        if not found:
            return 0.0
        self._refused |= {phone_number for phone_number, _ in found}
        self._refusals += len(found)
        _, last = found[-1]
        is_certain = any(outcome.account == "certainly" for _, outcome in found)
        if not (is_certain or self.probing or self._refusals > 1):
            return 0.0
        if is_certain or len(self._refused) > 1:
            return self._open(last.reason, min(last.retry_after or 0.0, LONGEST_WISH))
        return self._open(last.reason, longest=SHORTEST)

    def _note_stranded(self, outcomes: Sequence[Deferred | Unknown]) -> float:
        """Nothing got as far as the provider."""
        if not outcomes:
            return 0.0
        now = time.monotonic()
        if now < self._rests_until:
            return self._rests_until - now
        self._stranded += len(outcomes)
        at_once = any(isinstance(o, Deferred) and o.provider_wide for o in outcomes)
        if not (at_once or self.probing or self._stranded >= TROUBLES_TO_OPEN):
            return 0.0
        rest = min(SHORTEST * 2.0 ** min(self._rests, 16), LONGEST)
        self._stranded, self._rests, self._rests_until = 0, self._rests + 1, now + rest
        refused = any(isinstance(o, Deferred) and o.account for o in outcomes)
        if (refused or self._rests > 1) and not is_answering(self.alias):
            self._open(outcomes[-1].reason)
        return rest

    def _open(self, reason: str, wish: float = 0.0, longest: float = LONGEST) -> float:
        self._troubles = self._wishes = 0
        self._believed_until, self._prober = 0.0, None
        given = {"alias": self.alias, "reason": reason, "wish": wish}
        if sql.run(OPEN, given | {"shortest": SHORTEST, "longest": longest}):
            log.error("breaker opened", provider=self.alias, reason=reason)
        return SHORTEST

    def _close(self) -> None:
        self._prober = None
        if sql.run(CLOSE, [self.alias]):
            log.info("breaker closed", provider=self.alias)


def _is_busy(outcome: Outcome) -> bool:
    """It says when it wants more: it works."""
    return isinstance(outcome, Deferred) and outcome.retry_after is not None
