"""Count failed attempts per key and address, in each process.

The caller decides what follows. A login stops comparing passwords for a while, since passwords are
short. A callback with the right secret is accepted all the same: its secret is long, and the
provider may share its address with an attacker.
"""

import threading
import time
from collections import OrderedDict, deque

#: Bounds the memory of a process; the key that failed longest ago is dropped first.
MAX_KEYS = 10_000

Key = tuple[str, ...]


class FailedAttempts:
    """A limit of `most` failed attempts in `seconds` seconds, per key. Safe between threads."""

    def __init__(self, *, most: int, seconds: float) -> None:
        self.most, self.seconds = most, seconds
        self._wrong: OrderedDict[Key, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, *key: str) -> float:
        """Return the seconds until the key is below its limit again; 0 if it is."""
        with self._lock:
            times = self._wrong.get(key, deque())
            if len(times) < self.most:
                return 0.0
            return max(0.0, times[0] + self.seconds - time.monotonic())

    def record(self, *key: str) -> None:
        """Count a failed attempt."""
        with self._lock:
            times = self._wrong.setdefault(key, deque(maxlen=self.most))
            times.append(time.monotonic())
            self._wrong.move_to_end(key)
            while len(self._wrong) > MAX_KEYS:
                self._wrong.popitem(last=False)

    def forget(self) -> None:
        """Clear all counts."""
        with self._lock:
            self._wrong.clear()
