"""Marks that take long: a flight leaves within a moment of its mark, so after a slow one none did.

A mark is a commit, which a slow disk, a standby far away or a lock holds up. It is asked again
then, by a statement that writes nothing, and the flight's time counts from there; and the next
flight is a smaller one. Where that is slow as well nothing leaves, and that is said: in the log, in
/readyz and on the pages of the mailings.
"""

import threading

from vestnik.dispatch import heartbeat
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
    """What the marks of a lane take, and how many messages the next flight may have."""

    def __init__(self, window: int) -> None:
        self._window = self._most = window
        self._lock = threading.Lock()

    @property
    def most(self) -> int:
        return self._most

    def note(self, seconds: float, messages: int) -> bool:
        """Whether that mark was a slow one."""
        is_slow = seconds > SLOW_SECONDS
        with self._lock:
            if is_slow:
                self._most = max(1, messages // 2)
            elif self._most < self._window:
                self._most = min(self._window, 2 * self._most)
        return is_slow

    def note_flight(self, seconds: float, *, left: bool) -> None:
        """Whether anything of a flight could leave in time after its mark."""
        if left:
            _outage.worked()
        else:
            heartbeat.note_slow_marks(seconds)
            _outage.failed(SlowMark(f"{seconds:.1f} s"))
