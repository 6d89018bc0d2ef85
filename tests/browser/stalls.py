"""Seconds of a machine that is at work."""

import time

#: What a pause between two looks counts at most; a machine at work looks again much sooner.
MOST = 0.5


class Stopwatch:
    """The seconds since its start, without those in which the machine stood still.

    A page promises something within seconds, and its clock is not to blame for a machine that stood
    still: of a longer pause between two looks only MOST counts.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.last = time.monotonic()

    def look(self) -> float:
        """Return the seconds so far. Call it at each look at the page."""
        now = time.monotonic()
        self.seconds += min(now - self.last, MOST)
        self.last = now
        return self.seconds
