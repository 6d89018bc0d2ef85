"""Messages per second, over all workers together: permits in Redis, taken in blocks.

Each rate is one key that holds the instant at which its next permit is due (GCRA). A permit not
taken in time is kept for `SLACK` seconds and then lost, and a block is at most `BLOCK` seconds'
worth: together they bound how far any ten seconds can be over the rate to 3 %.

Redis's clock may step. After a step forward a rate grants what `SLACK` allows, once. After a step
back its key lies in the future: no rate ever has one that lies further ahead than a message of the
greatest weight takes, so what lies further is not believed.
"""

from dataclasses import dataclass

import redis

from vestnik.db.redis_client import run_script
from vestnik.mailings.text import MOST_SEGMENTS

BLOCK = 0.1
SLACK = 0.2
#: Permits that one message takes at the most: one for each of its segments.
MOST_WEIGHT = MOST_SEGMENTS

# For each key: how many permits are due by now; nobody gets more than the tightest rate allows,
# and all rates advance by what was granted. Too few for a block: how long until there are.
# Redis's own clock is the only one that all workers share here.
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


# Permits that were taken and not used are due again.
GIVE_BACK = """
local due = tonumber(redis.call('GET', KEYS[1]))
if due then
    redis.call('SET', KEYS[1], string.format('%.6f', due - tonumber(ARGV[1])), 'KEEPTTL')
end
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate that is shared by everybody who names the same key; `weight` permits a message."""

    key: str
    per_second: float
    weight: int = 1
    #: Whether others may take more permits for a message than this one does.
    by_segment: bool = False

    def arguments(self) -> list[float]:
        """Seconds for a message, messages in a block, and how far ahead the next can be due."""
        unit = self.weight / self.per_second
        longest = max(unit, MOST_WEIGHT / self.per_second if self.by_segment else 0.0)
        return [unit, max(1, int(BLOCK / unit)), longest]


@dataclass(frozen=True, slots=True)
class Grant:
    """How many messages may leave now; where none, for how long, and which rate is the reason."""

    granted: int
    wait: float = 0.0
    reason: Rate | None = None


class RateLimiterUnavailable(Exception):
    """Redis did not answer: a rate-limited mailing waits."""


def take(rates: list[Rate], want: int) -> Grant:
    """Take permits for up to `want` messages under all `rates`; raises RateLimiterUnavailable."""
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
    """Give back the permits of one message of that weight; raises RateLimiterUnavailable."""
    try:
        run_script(GIVE_BACK, [f"vestnik:pace:{rate.key}"], [rate.weight / rate.per_second])
    except redis.RedisError as error:
        raise RateLimiterUnavailable from error
