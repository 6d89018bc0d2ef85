"""Slowing down for an SMSC that says it is too much."""

import time

#: Nothing goes out for so long after a throttled answer; twice as long again and again while more
#: than this share of the answers is throttled. One now and then is no reason to stand still.
SHORTEST_PAUSE = 0.05
FREQUENT_SHARE = 0.1


class Throttle:
    """The pauses of one connection; `longest` is what they grow to."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._pause, self._until = 0.0, 0.0
        self._answers = self._throttled = 0

    @property
    def pause_left(self) -> float:
        """For how many seconds nothing may go out; 0 or less where something may."""
        return self._until - time.monotonic()

    @property
    def retry_after(self) -> float:
        """When a message that was throttled may go again, in seconds."""
        return max(self.pause_left, min(SHORTEST_PAUSE, self._longest))

    def record(self, throttled: bool) -> None:
        """Learn from an answer. Of what left before a pause began, the answers lengthen only the
        next one."""
        self._answers += 1
        self._throttled += throttled
        if throttled and self.pause_left <= 0:
            often = self._throttled > self._answers * FREQUENT_SHARE
            pause = 2 * self._pause if often else 0.0
            self._pause = min(max(pause, SHORTEST_PAUSE), self._longest)
            self._until = time.monotonic() + self._pause
            self._answers = self._throttled = 0
