"""The permits of one claim: under its provider's rate limit and its mailing's own.

Permits of the provider are taken before the batch is claimed (decision 0020). So they go to the
mailing whose turn it is, not to the fastest of several claimed batches: two mailings of 40/s under
a limit of 50/s had got 729 and 369 messages. No batch is claimed without permits. Unused ones are
given back.
"""

import contextlib
from dataclasses import dataclass, field

from vestnik.dispatch.send import rate_limit
from vestnik.dispatch.send.rate_limit import BLOCK, Grant, Rate, RateLimiterUnavailable
from vestnik.providers.base import Provider

#: Seconds before the rate limiter is asked again while Redis is away.
REDIS_WAIT = 1.0
#: The longest wait in seconds for permits: the rate or the clock of Redis may have changed.
LONGEST_RATE_WAIT = 5.0


@dataclass(slots=True)
class Allowance:
    """The permits held for one claim; `weight` is the number of permits that a message takes."""

    _provider: Provider
    weight: int = 1
    _held: int = field(default=0, init=False)

    @property
    def block(self) -> int:
        """The number of messages for which permits are taken at once."""
        return max(1, int(BLOCK * (self._provider.max_rate or 0) / self.weight))

    def reserve(self, most: int) -> Grant:
        """Take permits of the provider's rate for a block of up to `most` messages."""
        return self._take_from_provider(min(most, self.block), self.weight)

    def take(self, most: int, weight: int, own: Rate | None) -> Grant:
        """Take permits for up to `most` messages of that weight, also of the mailing's `own`
        rate."""
        if self._provider.max_rate:
            grant = self._ensure(most, weight)
            if not grant.granted:
                return grant
            most = min(most, self._held // weight)
        grant = _take(own, most) if own else Grant(most)
        if grant.reason:
            self.give_back()  # other mailings use them while this one cools down
        if self._provider.max_rate:
            self._held -= grant.granted * weight
        return grant

    def give_back(self) -> None:
        """Give back the permits that are left."""
        held, self._held = self._held, 0
        if held:
            # Permits that are not given back are lost after SLACK seconds anyway.
            with contextlib.suppress(RateLimiterUnavailable):
                rate_limit.give_back(self._provider_rate(held))

    def _ensure(self, most: int, weight: int) -> Grant:
        """Hold permits for at least one message; if none are held yet, for up to `most`."""
        self.weight = weight
        if self._held >= weight:
            return Grant(most)
        if self._held:
            return self._take_from_provider(1, weight - self._held)
        return self._take_from_provider(most, weight)

    def _take_from_provider(self, most: int, weight: int) -> Grant:
        grant = _take(self._provider_rate(weight), most)
        self._held += grant.granted * weight
        return grant

    def _provider_rate(self, weight: int) -> Rate:
        rate = self._provider.max_rate or 1.0  # called for rate-limited providers alone
        by_segment = self._provider.paced_by == "segment"
        return Rate(f"provider:{self._provider.alias}", rate, weight, by_segment)


def _take(rate: Rate, most: int) -> Grant:
    try:
        grant = rate_limit.take([rate], most)
    except RateLimiterUnavailable:
        return Grant(0, REDIS_WAIT)
    return Grant(grant.granted, min(grant.wait, LONGEST_RATE_WAIT), grant.reason)
