"""The queue of mailings that a worker process enlists: a chunk of each in turn, in two threads.

Each chunk is a long statement. Without this limit, as many mailings starting together as a worker
has threads stopped its sending until all of them were enlisted (decision 0021).
"""

import threading
from collections import deque
from collections.abc import Callable

#: Threads of a process that enlist at the same time.
ENLISTING_AT_ONCE = 2


class EnlistQueue:
    """The mailings that wait for their next chunk. A mailing is in the queue at most once, and not
    while a thread works on it."""

    def __init__(self, most: int = ENLISTING_AT_ONCE) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[int] = deque()
        self._known: set[int] = set()
        self._free = most

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
        do.

        `step` enlists one chunk of a mailing and returns whether there are more.
        """
        if not self._enter():
            return
        try:
            while not stopping() and (mailing := self._take()) is not None:
                more = False
                try:
                    more = step(mailing)
                finally:
                    self._put_back(mailing, more)
        finally:
            self._leave()

    def _enter(self) -> bool:
        with self._lock:
            if not self._free:
                return False
            self._free -= 1
            return True

    def _take(self) -> int | None:
        with self._lock:
            return self._waiting.popleft() if self._waiting else None

    def _put_back(self, mailing: int, more: bool) -> None:
        with self._lock:
            if more:
                self._waiting.append(mailing)
            else:
                self._known.discard(mailing)

    def _leave(self) -> None:
        with self._lock:
            self._free += 1
