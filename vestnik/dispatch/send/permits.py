"""The permits with which a batch is sent: of its provider's pace and of its mailing's own.

Those of the provider are taken before the batch is claimed. So they go to the mailing whose turn it
is at that moment, and not to whichever of several claimed ones asks first; and no batch is claimed
in vain. What is not used goes back.
"""

import contextlib

from vestnik.dispatch.send import rate_limit
from vestnik.dispatch.send.rate_limit import BLOCK, Pace, PacingAway, Permits
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

    def fill(self, most: int) -> Permits:
        """Take permits of the provider's pace for a block of up to so many messages; raises
        PacingAway. Without a pace there is nothing to take."""
        if not self._provider.max_rate:
            return Permits(most)
        return self._take(min(most, self.block), self.weight)

    def draw(self, most: int, weight: int, own: Pace | None) -> Permits:
        """Permits for up to so many messages of that weight; raises PacingAway."""
        if self._provider.max_rate:
            permits = self._ensure(most, weight)
            if not permits.granted:
                return permits
            most = min(most, self._held // weight)
        permits = rate_limit.take([own], most) if own else Permits(most)
        if not permits.granted:
            self.give_back()  # others of the provider go on while the mailing rests
        if self._provider.max_rate:
            self._held -= permits.granted * weight
        return permits

    def give_back(self) -> None:
        """Have others use what is left."""
        held, self._held = self._held, 0
        if held:
            with contextlib.suppress(PacingAway):  # its permits would have been lost soon anyway
                rate_limit.give_back(self._pace(held))

    def _ensure(self, most: int, weight: int) -> Permits:
        """Hold permits for one message at least, and for as many as there are if for none yet."""
        self.weight = weight
        if self._held >= weight:
            return Permits(most)
        if self._held:
            return self._take(1, weight - self._held)
        return self._take(most, weight)

    def _take(self, most: int, weight: int) -> Permits:
        permits = rate_limit.take([self._pace(weight)], most)
        self._held += permits.granted * weight
        return permits

    def _pace(self, weight: int) -> Pace:
        rate = self._provider.max_rate or 1.0  # asked of paced providers alone
        by_segment = self._provider.paced_by == "segment"
        return Pace(f"provider:{self._provider.alias}", rate, weight, by_segment)
