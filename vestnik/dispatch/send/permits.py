"""The permits with which a batch is sent: of its provider's rate and of its mailing's own.

Those of the provider are taken before the batch is claimed. So they go to the mailing whose turn it
is at that moment, and not to whichever of several claimed ones asks first; and no batch is claimed
in vain. What is not used goes back.
"""

import contextlib

from vestnik.dispatch.send import rate_limit
from vestnik.dispatch.send.rate_limit import BLOCK, Grant, Rate, RateLimiterUnavailable
from vestnik.providers.base import Provider


class Allowance:
    """Of one claim; `weight` is how many permits a message took last."""

    def __init__(self, provider: Provider, weight: int = 1) -> None:
        self._provider, self.weight = provider, weight
        self._held = 0

    @property
    def block(self) -> int:
        """How many messages its permits are taken for at once."""
        return max(1, int(BLOCK * (self._provider.max_rate or 0) / self.weight))

    def reserve(self, most: int) -> Grant:
        """Take permits of the provider's rate for a block of up to so many messages; raises
        RateLimiterUnavailable. Without a rate limit there is nothing to take."""
        if not self._provider.max_rate:
            return Grant(most)
        return self._take_from_provider(min(most, self.block), self.weight)

    def take(self, most: int, weight: int, own: Rate | None) -> Grant:
        """Take permits for up to so many messages of that weight; raises RateLimiterUnavailable."""
        if self._provider.max_rate:
            grant = self._ensure(most, weight)
            if not grant.granted:
                return grant
            most = min(most, self._held // weight)
        grant = rate_limit.take([own], most) if own else Grant(most)
        if not grant.granted:
            self.give_back()  # others of the provider go on while the mailing cools down
        if self._provider.max_rate:
            self._held -= grant.granted * weight
        return grant

    def give_back(self) -> None:
        """Have others use what is left."""
        held, self._held = self._held, 0
        if held:
            with contextlib.suppress(
                RateLimiterUnavailable
            ):  # its permits would have been lost soon anyway
                rate_limit.give_back(self._provider_rate(held))

    def _ensure(self, most: int, weight: int) -> Grant:
        """Hold permits for one message at least, and for as many as there are if for none yet."""
        self.weight = weight
        if self._held >= weight:
            return Grant(most)
        if self._held:
            return self._take_from_provider(1, weight - self._held)
        return self._take_from_provider(most, weight)

    def _take_from_provider(self, most: int, weight: int) -> Grant:
        grant = rate_limit.take([self._provider_rate(weight)], most)
        self._held += grant.granted * weight
        return grant

    def _provider_rate(self, weight: int) -> Rate:
        rate = self._provider.max_rate or 1.0  # called for rate-limited providers alone
        by_segment = self._provider.paced_by == "segment"
        return Rate(f"provider:{self._provider.alias}", rate, weight, by_segment)
