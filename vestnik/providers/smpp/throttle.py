"""Pauses after responses that say "throttled"."""

import time

#: Seconds without sending after a throttled response. The pause doubles while more than this share
#: of the responses is throttled; a rare one is no reason to stop.
SHORTEST_PAUSE = 0.05
FREQUENT_SHARE = 0.1


class Throttle:
    """The pauses of one connection; `longest` limits them, in seconds."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._pause, self._until = 0.0, 0.0
        self._answers = self._throttled = 0

    @property
    def pause_left(self) -> float:
        """Seconds for which nothing may be sent; 0 or less if something may."""
        return self._until - time.monotonic()

    @property
    def retry_after(self) -> float:
        """Seconds after which a throttled message may be sent again."""
        return max(self.pause_left, min(SHORTEST_PAUSE, self._longest))

    def record(self, throttled: bool) -> None:
        """Record a response, and begin a pause if it is throttled."""
        self._answers += 1
        self._throttled += throttled
        # Responses to what left before a pause began do not lengthen it, only the next one.
        if throttled and self.pause_left <= 0:
            often = self._throttled > self._answers * FREQUENT_SHARE
            pause = 2 * self._pause if often else 0.0
            self._pause = min(max(pause, SHORTEST_PAUSE), self._longest)
            self._until = time.monotonic() + self._pause
            self._answers = self._throttled = 0
