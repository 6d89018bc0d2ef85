"""A clock for promises in seconds, which a machine that stands still does not use up."""

import threading
import time
from typing import Self

TICK = 0.02
#: A pause between two ticks counts for no more than this.
LONGEST = 0.1


class UnstalledClock:
    """Counts seconds during a `with` block.

    Where this process stands still for a while, so do those that it measures: that time is left
    out.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _tick(self) -> None:
        last, is_over = time.monotonic(), False
        while not is_over:
            is_over = self._ended.wait(TICK)
            now = time.monotonic()
            self.seconds += min(now - last, LONGEST)
            last = now
