"""Slow marks: a flight must leave within 0.75 s of its mark, so after a slow mark nothing left.

A mark is a commit, which a slow disk, a distant standby or a lock delays. After a slow mark a
second statement, which writes nothing, asks whether the flight may leave, and its time counts from
there (decision 0025). If that is slow as well, nothing leaves: the next flight is smaller, and the
log, /readyz and the mailings' pages report it.
"""

import threading

from vestnik.dispatch.signals import heartbeat
from vestnik.outages import OutageLog

#: Seconds from which a mark counts as slow.
SLOW_SECONDS = 0.3

_outage = OutageLog(
    "marking messages takes so long that few or none leave",
    "see the database's disk, its locks, its standby and the load of this host",
)


class SlowMark(Exception):
    """A mark took too long; the text is its duration."""


class MarkWatch:
    """Adapts the size of flights to slow marks: halved after a missed one, doubled after a fast
    one."""

    def __init__(self, window: int) -> None:
        self._window = self.flight_limit = window
        self._lock = threading.Lock()

    def record_fast(self) -> None:
        """Record a mark after which the flight could leave."""
        if self.flight_limit < self._window:
            with self._lock:
                self.flight_limit = min(self._window, 2 * self.flight_limit)
            _outage.worked()

    def record_missed(self, seconds: float, messages: int) -> None:
        """Record a mark that took `seconds`, after which none of `messages` could leave in time."""
        with self._lock:
            self.flight_limit = max(1, messages // 2)
        heartbeat.note_slow_marks(seconds)
        _outage.failed(SlowMark(f"{seconds:.1f} s"))
