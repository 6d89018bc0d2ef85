"""Marks that take long: a flight leaves within a moment of its mark, so after a slow one none did.

A mark is a commit, which a slow disk, a standby far away or a lock holds up. It is asked again
then, by a statement that writes nothing, and the flight's time counts from there. Where that is
slow as well nothing leaves: the next flight is a smaller one, and the log, /readyz and the pages of
the mailings say so.
"""

import threading

from vestnik.dispatch.signals import heartbeat
from vestnik.outages import OutageLog

#: A mark that takes longer is asked again.
SLOW_SECONDS = 0.3

_outage = OutageLog(
    "marking messages takes so long that few or none leave",
    "see the database's disk, its locks, its standby and the load of this host",
)


class SlowMark(Exception):
    """How long a mark took."""


class MarkWatch:
    """How long marks take, and how many messages the next flight may have."""

    def __init__(self, window: int) -> None:
        self._window = self._flight_limit = window
        self._lock = threading.Lock()

    @property
    def flight_limit(self) -> int:
        return self._flight_limit

    def record_fast(self) -> None:
        """A mark that did not take long, or of which its flight could leave nevertheless."""
        if self._flight_limit < self._window:
            with self._lock:
                self._flight_limit = min(self._window, 2 * self._flight_limit)
            _outage.worked()

    def record_missed(self, seconds: float, messages: int) -> None:
        """After a mark that took so long nothing of its flight could leave in time."""
        with self._lock:
            self._flight_limit = max(1, messages // 2)
        heartbeat.note_slow_marks(seconds)
        _outage.failed(SlowMark(f"{seconds:.1f} s"))
