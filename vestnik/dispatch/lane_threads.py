"""How many of a worker process's threads its lanes take: never all of them.

Under a pace a lane rests in its thread most of the time. With as many of them as the process has
threads, nothing else would be looked at: mailings started seconds late.
"""

import threading
from functools import cache

from vestnik import env

# A quarter of the threads stays for launching, enlisting, closing and asking.
PART = 0.75
SHORTEST_STAY = 1.0


class LaneThreads:
    """The threads of all lanes of a process."""

    def __init__(self, most: int | None = None) -> None:
        self._lock = threading.Lock()
        self._free = most or max(1, int(PART * env.number("WORKER_CONCURRENCY", 16)))
        self._wanted = 0

    def enter(self) -> bool:
        """Whether there was one more thread to take. Else one that rests is asked for its own."""
        with self._lock:
            if not self._free:
                self._wanted += 1
                return False
            self._free -= 1
            return True

    def leave(self) -> None:
        with self._lock:
            self._free += 1

    def make_room(self, *, is_one_of_many: bool, stayed: float) -> bool:
        """Whether a lane that rests is to leave for another one: where it has other threads, or has
        stayed for a while."""
        if not self._wanted or not (is_one_of_many or stayed > SHORTEST_STAY):
            return False
        with self._lock:
            wanted, self._wanted = self._wanted, max(0, self._wanted - 1)
            return wanted > 0


@cache
def lane_threads() -> LaneThreads:
    """Those of this process."""
    return LaneThreads()
