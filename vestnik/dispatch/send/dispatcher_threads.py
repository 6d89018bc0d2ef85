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
        self._most = most or _part_of(env.number("WORKER_CONCURRENCY", 16))
        self._used = self._wanted = 0

    def fit(self, pool_size: int) -> None:
        """Leave a part of that many threads to others: Celery's own command line may say another
        number than WORKER_CONCURRENCY."""
        with self._lock:
            self._most = _part_of(pool_size)

    def enter(self) -> bool:
        """Whether there was one more thread to take. Else one that rests is asked for its own."""
        with self._lock:
            if self._used >= self._most:
                self._wanted += 1
                return False
            self._used += 1
            return True

    def leave(self) -> None:
        """Give a thread back. A lane that was turned away comes again with the next tick, if it
        still wants one."""
        with self._lock:
            self._used -= 1
            self._wanted = max(0, self._wanted - 1)

    def make_room(self, *, is_one_of_many: bool, stayed: float) -> bool:
        """Whether a lane that rests is to leave for another one: where it has other threads, or has
        stayed for a while."""
        if not self._wanted or not (is_one_of_many or stayed > SHORTEST_STAY):
            return False
        with self._lock:
            wanted, self._wanted = self._wanted, max(0, self._wanted - 1)
            return wanted > 0


def _part_of(threads: int) -> int:
    return max(1, int(PART * threads))


@cache
def lane_threads() -> LaneThreads:
    """Those of this process."""
    return LaneThreads()
