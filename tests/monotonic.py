"""A monotonic clock that a test puts forward, for what takes its clock as an argument."""

import time


class Clock:
    """`clock()` is the monotonic clock, and `ahead` seconds more."""

    def __init__(self, ahead: float = 0.0) -> None:
        self.ahead = ahead

    def __call__(self) -> float:
        return time.monotonic() + self.ahead
