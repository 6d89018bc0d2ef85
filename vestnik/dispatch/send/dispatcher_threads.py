"""How many of a worker process's threads its dispatchers take: never all of them.

Under a rate limit a dispatcher waits in its thread most of the time. If dispatchers took all
threads of the process, nothing else would be looked at: mailings started seconds late.
"""

import threading
from functools import cache

from vestnik import env

# A quarter of the threads stays for launching, enlisting, closing and asking.
DISPATCHER_SHARE = 0.75
SHORTEST_STAY = 1.0


class DispatcherThreads:
    """The threads that all dispatchers of a process share."""

    def __init__(self, most: int | None = None) -> None:
        self._lock = threading.Lock()
        self._limit = most or _share_of(env.number("WORKER_CONCURRENCY", 16))
        self._used = self._waiting = 0

    def resize(self, pool_size: int) -> None:
        """Leave a part of that many threads to others: Celery's own command line may say another
        number than WORKER_CONCURRENCY."""
        with self._lock:
            self._limit = _share_of(pool_size)

    def acquire(self) -> bool:
        """Take a thread if there is one; otherwise ask an idle dispatcher to give one up."""
        with self._lock:
            if self._used >= self._limit:
                self._waiting += 1
                return False
            self._used += 1
            return True

    def release(self) -> None:
        """Give a thread back. A dispatcher that got none is woken again by the scheduler, if it
        still wants one."""
        with self._lock:
            self._used -= 1
            self._waiting = max(0, self._waiting - 1)

    def should_yield(self, *, has_siblings: bool, held_for: float) -> bool:
        """Whether an idle dispatcher is to give up this thread: where it has others, or has
        stayed for a while."""
        if not self._waiting or not (has_siblings or held_for > SHORTEST_STAY):
            return False
        with self._lock:
            waiting, self._waiting = self._waiting, max(0, self._waiting - 1)
            return waiting > 0


def _share_of(threads: int) -> int:
    return max(1, int(DISPATCHER_SHARE * threads))


@cache
def dispatcher_threads() -> DispatcherThreads:
    """Those of this process."""
    return DispatcherThreads()
