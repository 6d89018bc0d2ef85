"""The states of a provider's circuit breaker: `open`, `try one message`, `close`."""

from vestnik.dispatch.states import BreakerState

CLOSED, OPENED, HALF_OPEN = BreakerState

# Only the first worker opens it, by the last condition: failures of other workers at the same
# moment do not double the time. 2 ^ 16 is beyond `longest`; the bound keeps the power from
# overflowing.
OPEN = f"""
INSERT INTO dispatch_breaker
    (alias, state, openings, until, reason, reason_details, changed_at)
VALUES (%(alias)s, '{OPENED}', 1,
    clock_timestamp() + greatest(%(shortest)s::float8, %(wish)s::float8) * interval '1 second',
    %(reason)s, %(details)s::jsonb, clock_timestamp())
ON CONFLICT (alias) DO UPDATE SET
    state = '{OPENED}', openings = dispatch_breaker.openings + 1, reason = excluded.reason,
    reason_details = excluded.reason_details,
    until = clock_timestamp() + greatest(
        least(%(shortest)s * 2 ^ least(dispatch_breaker.openings, 16), %(longest)s), %(wish)s
    ) * interval '1 second',
    changed_at = clock_timestamp()
WHERE dispatch_breaker.state <> '{OPENED}'
"""

# The update is the election: one worker's statement changes the row, and all others match none. The
# probe has a lease, so a worker that dies while probing does not keep the breaker half-open.
START_PROBE = f"""
UPDATE dispatch_breaker SET
    state = '{HALF_OPEN}', until = clock_timestamp() + %s * interval '1 second',
    changed_at = clock_timestamp()
WHERE alias = %s AND state <> '{CLOSED}' AND until <= clock_timestamp()
"""

# A probe without a result is due again at once.
RELEASE_PROBE = f"""
UPDATE dispatch_breaker SET until = clock_timestamp() WHERE alias = %s AND state = '{HALF_OPEN}'
"""

# `openings` starts again, so the next opening is short.
CLOSE = f"""
UPDATE dispatch_breaker SET state = '{CLOSED}', openings = 0, until = NULL, reason = '',
    reason_details = NULL, changed_at = clock_timestamp()
WHERE alias = %s AND state <> '{CLOSED}'
"""
