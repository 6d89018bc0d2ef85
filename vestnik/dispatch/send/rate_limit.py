"""Rate limits in messages a second over all workers: permits in Redis, taken in blocks.

Each rate is one key with the time at which its next permit is due (GCRA, decision 0038). A permit
that is not taken in time is kept for SLACK seconds and then lost, and a block is worth at most
BLOCK seconds. Together they bound the excess over the rate in any ten seconds to 3 %.

The clock of Redis may be set. After a step forward a rate grants what SLACK allows, once. After a
step back its key lies in the future. A valid key is never further ahead than the heaviest message
takes, so a key that is further ahead is reduced to that.
"""

from dataclasses import dataclass

import redis

from vestnik.db.redis_client import run_script
from vestnik.mailings.text import MOST_SEGMENTS

#: Seconds' worth of permits in one block: a rate costs a handful of calls a second.
BLOCK = 0.1
#: Seconds for which permits that were not taken are kept.
SLACK = 0.2
#: The most permits that one message takes: one for each of its segments.
MOST_WEIGHT = MOST_SEGMENTS

# Take up to ARGV[1] messages' permits of all rates. The tightest rate decides, and all rates
# advance by what was granted. If a rate has too few permits for a block, nothing is taken, and the
# seconds until there are enough are returned with the number of that rate. The clock is Redis's
# own, the only one that all workers share here. A key expires a minute after its permit is due.
TAKE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local want, slack = tonumber(ARGV[1]), tonumber(ARGV[2])
local granted, wait, tightest = want, 0, 0
local units, dues = {}, {}
for i, key in ipairs(KEYS) do
    local unit, least = tonumber(ARGV[i * 3]), math.min(want, tonumber(ARGV[i * 3 + 1]))
    local furthest = now + tonumber(ARGV[i * 3 + 2])
    local due = tonumber(redis.call('GET', key) or now - (least - 1) * unit)
    due = math.min(math.max(due, now - slack), furthest)
    units[i], dues[i] = unit, due
    local ready = now < due and 0 or math.floor((now - due) / unit + 1e-3) + 1
    if ready < least then
        local short = due + (least - 1) * unit - now
        if short > wait then wait, tightest = short, i end
    end
    granted = math.min(granted, ready)
end
if wait > 0 then return {0, tostring(wait), tightest} end
for i, key in ipairs(KEYS) do
    local due = dues[i] + granted * units[i]
    local keep = 60000 + math.max(0, math.ceil((due - now) * 1000))
    redis.call('SET', key, string.format('%.6f', due), 'PX', keep)
end
return {granted, '0', 0}
"""


# Make permits that were not used due again.
GIVE_BACK = """
local due = tonumber(redis.call('GET', KEYS[1]))
if due then
    redis.call('SET', KEYS[1], string.format('%.6f', due - tonumber(ARGV[1])), 'KEEPTTL')
end
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate limit, shared by all callers with the same key; a message takes `weight` permits."""

    key: str
    per_second: float
    weight: int = 1
    #: Whether other callers may take more permits for a message.
    by_segment: bool = False

    def arguments(self) -> list[float]:
        """Return the seconds for a message, the messages of a block, and the seconds that the next
        permit can be ahead."""
        unit = self.weight / self.per_second
        longest = max(unit, MOST_WEIGHT / self.per_second if self.by_segment else 0.0)
        return [unit, max(1, int(BLOCK / unit)), longest]


@dataclass(frozen=True, slots=True)
class Grant:
    """How many messages may leave now; if none, the seconds to wait and the rate that decided."""

    granted: int
    wait: float = 0.0
    reason: Rate | None = None


class RateLimiterUnavailable(Exception):
    """Redis did not answer. A rate-limited mailing waits, since its contract forbids more."""


def take(rates: list[Rate], want: int) -> Grant:
    """Take permits for up to `want` messages under all `rates`. Raises RateLimiterUnavailable."""
    if not rates:
        return Grant(want)
    arguments = [argument for rate in rates for argument in rate.arguments()]
    try:
        granted, wait, tightest = run_script(
            TAKE, [f"vestnik:pace:{rate.key}" for rate in rates], [want, SLACK, *arguments]
        )
    except redis.RedisError as error:
        raise RateLimiterUnavailable from error
    reason = rates[int(tightest) - 1] if int(tightest) else None
    return Grant(int(granted), float(wait), reason)


def give_back(rate: Rate) -> None:
    """Give back `rate.weight` permits. Raises RateLimiterUnavailable."""
    try:
        run_script(GIVE_BACK, [f"vestnik:pace:{rate.key}"], [rate.weight / rate.per_second])
    except redis.RedisError as error:
        raise RateLimiterUnavailable from error
