"""Wake-ups that are published at most once in some time, where one task does the work of all."""

import threading
import time
from collections.abc import Callable


class SpacedWakeups:
    """One wake-up for all requests within `seconds`.

    The first request publishes at once, the next one when the time is over, and that wake-up stands
    for further requests until then.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds, self._lock = seconds, threading.Lock()
        self._published_at: dict[str, float] = {}

    def request(self, key: str, wake: Callable[[float], None]) -> None:
        """Call `wake` with the seconds to wait, unless a wake-up with this key is still to come."""
        now = time.monotonic()
        with self._lock:
            last = self._published_at.get(key, float("-inf"))
            if last > now:
                return
            self._published_at[key] = at = max(now, last + self._seconds)
        wake(at - now)
