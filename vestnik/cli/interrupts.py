"""Handle Ctrl-C in a command that has to clean up before it ends."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

#: Seconds for which further signals are ignored: people press Ctrl-C twice.
GRACE = 3.0
#: Seconds until the process is interrupted once more, and then ended.
SECONDS = 10
STATUS = 130
ENDED = b"vestnik: it did not end in time and is stopped; the list of imports says what was taken\n"


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt in the block at SIGINT or SIGTERM.

    A second Ctrl-C does not interrupt the block's cleanup, which is bounded in time. The
    interrupt is repeated, for Python drops an exception that is raised in a destructor.
    """
    interrupts = _Interrupts()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    handlers = {number: signal.signal(number, interrupts.handle) for number in numbers}
    try:
        yield
    finally:
        signal.alarm(0)
        # An interrupted process is about to end, and a second Ctrl-C may come until then.
        for number, handler in () if interrupts.raised else handlers.items():
            signal.signal(number, handler)


class _Interrupts:
    def __init__(self) -> None:
        self.raised, self._last = 0, 0.0

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """Raise KeyboardInterrupt, twice at most; end the process at the third signal."""
        now = time.monotonic()
        if self.raised and number != signal.SIGALRM and now - self._last < GRACE:
            return
        self.raised, self._last = self.raised + 1, now
        if self.raised > 2:
            os.write(sys.stderr.fileno(), ENDED)
            os._exit(STATUS)
        signal.alarm(SECONDS)
        raise KeyboardInterrupt
