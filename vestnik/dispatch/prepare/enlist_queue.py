"""A queue of mailings that a worker process enlists, in two threads.

Each step is a long statement. Without this limit, as many mailings starting together as a worker
has threads stopped its sending until all of them were enlisted (decision 0021).
"""

import threading
from collections import deque
from collections.abc import Callable

#: Threads of a process that work on one queue at the same time.
ENLISTING_AT_ONCE = 2


class EnlistThreads:
    """How many threads of a process enlist at the same time, for all of its queues together."""

    def __init__(self, most: int) -> None:
        self.lock = threading.Lock()
        self.free = self._most = most

    def resize(self, most: int) -> None:
        """Set the limit; threads that enlist at this moment finish their step."""
        with self.lock:
            self.free += most - self._most
            self._most = most


class EnlistQueue:
    """The mailings that wait for their next step. A mailing is in the queue at most once, and not
    while a thread works on it.

    With `newest_too`, every other step takes the newest mailing instead of the oldest. So a mailing
    that joins a long queue soon has its turn, and none waits forever.
    """

    def __init__(
        self,
        most: int = ENLISTING_AT_ONCE,
        *,
        newest_too: bool = False,
        threads: EnlistThreads | None = None,
    ) -> None:
        self._threads = threads or EnlistThreads(most)
        self._lock = self._threads.lock
        self._waiting: deque[int] = deque()
        self._known: set[int] = set()
        self._free = most
        self._newest_too, self._newest_next = newest_too, False

    def __contains__(self, mailing: int) -> bool:
        with self._lock:
            return mailing in self._known

    def add(self, mailing: int) -> None:
        """Append a mailing, unless it is known already."""
        with self._lock:
            if mailing not in self._known:
                self._known.add(mailing)
                self._waiting.append(mailing)

    def work(self, step: Callable[[int], bool], stopping: Callable[[], bool]) -> None:
        """Call `step` for each mailing in turn until none waits; return at once if enough threads
        do."""
        while not stopping() and self.work_once(step):
            pass

    def work_once(self, step: Callable[[int], bool]) -> bool:
        """Call `step` for the next mailing; return False if none waits or enough threads work.

        `step` returns whether the mailing is to wait for another step.
        """
        mailing = self._take()
        if mailing is None:
            return False
        more = False
        try:
            more = step(mailing)
        finally:
            self._put_back(mailing, more)
        return True

    def _take(self) -> int | None:
        with self._lock:
            if not self._waiting or min(self._free, self._threads.free) <= 0:
                return None
            self._free -= 1
            self._threads.free -= 1
            takes_newest = self._newest_next
            self._newest_next = self._newest_too and not takes_newest
            return self._waiting.pop() if takes_newest else self._waiting.popleft()

    def _put_back(self, mailing: int, more: bool) -> None:
        with self._lock:
            self._free += 1
            self._threads.free += 1
            if more:
                self._waiting.append(mailing)
            else:
                self._known.discard(mailing)
