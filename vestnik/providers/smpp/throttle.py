"""Slowing down for an SMSC that says it is too much."""

import time

#: Nothing goes out for so long after a throttled answer; twice as long again and again while more
#: than this share of the answers is throttled. One now and then is no reason to stand still.
SHORTEST_REST = 0.05
OFTEN = 0.1


class Brake:
    """The rests of one connection; `longest` is what they grow to."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._rest, self._until = 0.0, 0.0
        self._answers = self._throttled = 0

    @property
    def resting(self) -> float:
        """For how many seconds nothing may go out; 0 or less where something may."""
        return self._until - time.monotonic()

    @property
    def pause(self) -> float:
        """When a message that was throttled may go again, in seconds."""
        return max(self.resting, min(SHORTEST_REST, self._longest))

    def heard(self, throttled: bool) -> None:
        """Learn from an answer. Of what left before a rest began, the answers lengthen only the
        next one."""
        self._answers += 1
        self._throttled += throttled
        if throttled and self.resting <= 0:
            often = self._throttled > self._answers * OFTEN
            rest = 2 * self._rest if often else 0.0
            self._rest = min(max(rest, SHORTEST_REST), self._longest)
            self._until = time.monotonic() + self._rest
            self._answers = self._throttled = 0
