"""Ctrl-C for a command that has something to put in order before it ends."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

#: Further signals are ignored for so long: people press Ctrl-C twice.
GRACE = 3.0
#: After so long without an end it is interrupted once more, and then ended.
SECONDS = 10
STATUS = 130
ENDED = b"vestnik: it did not end in time and is stopped; the list of imports says what was taken\n"


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt in the block at SIGINT or SIGTERM, wherever it is.

    What the block does to end is not interrupted by a second Ctrl-C, and is bounded in time. An
    interrupt may be lost, for Python drops what is raised in a destructor: it then comes again.
    """
    interrupts = _Interrupts()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    before = {number: signal.signal(number, interrupts.heard) for number in numbers}
    try:
        yield
    finally:
        signal.alarm(0)
        # Interrupted, the process is about to end: a second Ctrl-C may come as late as then.
        for number, handler in () if interrupts.raised else before.items():
            signal.signal(number, handler)


class _Interrupts:
    def __init__(self) -> None:
        self.raised, self._last = 0, 0.0

    def heard(self, number: int, _frame: FrameType | None) -> None:
        """Raise KeyboardInterrupt twice at most; end the process the third time."""
        now = time.monotonic()
        if self.raised and number != signal.SIGALRM and now - self._last < GRACE:
            return
        self.raised, self._last = self.raised + 1, now
        if self.raised > 2:
            os.write(sys.stderr.fileno(), ENDED)
            os._exit(STATUS)
        signal.alarm(SECONDS)
        raise KeyboardInterrupt
