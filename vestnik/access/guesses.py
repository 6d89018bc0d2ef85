"""Count wrong secrets, in each process, by what is guessed and from where.

The caller decides what follows after too many: a login compares no password for a while, since
passwords are short. A callback with the right secret is taken all the same: its secret is long, and
the provider may share its address with somebody who guesses.
"""

import threading
import time
from collections import OrderedDict, deque

MAX_KEYS = 10_000

Key = tuple[str, ...]


class FailedAttempts:
    """At most so many wrong guesses in so many seconds."""

    def __init__(self, *, most: int, seconds: float) -> None:
        self.most, self.seconds = most, seconds
        self._wrong: OrderedDict[Key, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, *key: str) -> float:
        """For how many seconds there were too many wrong guesses; 0 where there were not."""
        with self._lock:
            times = self._wrong.get(key, deque())
            if len(times) < self.most:
                return 0.0
            return max(0.0, times[0] + self.seconds - time.monotonic())

    def record(self, *key: str) -> None:
        """Remember a wrong guess."""
        with self._lock:
            times = self._wrong.setdefault(key, deque(maxlen=self.most))
            times.append(time.monotonic())
            self._wrong.move_to_end(key)
            while len(self._wrong) > MAX_KEYS:
                self._wrong.popitem(last=False)

    def forget(self) -> None:
        """Begin anew."""
        with self._lock:
            self._wrong.clear()
