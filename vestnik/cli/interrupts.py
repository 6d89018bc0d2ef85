"""Handle Ctrl-C in a command that has to clean up before it ends.

A signal only asks the command to stop. An exception raised between any two instructions could come
after a row is committed and before the code that ends it, or leave a lock of a library held.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

#: Seconds after which work that did not look is interrupted; the process is ended at the third.
SECONDS = 5
ALARMS = 3
#: Seconds between two cancellations of a statement: one comes too early for the next statement.
CANCEL_EVERY = 0.25
STATUS = 130
ENDED = b"vestnik: it did not end in time and is stopped; the list of imports says what was taken\n"
STANDARD_ERROR = 2


class Interrupts:
    """What SIGINT and SIGTERM have asked for."""

    def __init__(self) -> None:
        self.requested = False
        self._is_working, self._alarms = False, 0

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """Take a signal. Only the alarm raises, and only in work that did not end by itself."""
        if number != signal.SIGALRM:
            if not self.requested:
                self.requested = True
                signal.alarm(SECONDS)
            return
        self._alarms += 1
        if self._alarms == ALARMS:
            os.write(STANDARD_ERROR, ENDED)
            os._exit(STATUS)
        signal.alarm(SECONDS)
        if self._is_working:
            raise KeyboardInterrupt

    def check(self) -> None:
        """Raise KeyboardInterrupt if the command was asked to stop."""
        if self.requested:
            raise KeyboardInterrupt

    @contextmanager
    def work(self, cancel: Callable[[], None]) -> Iterator[None]:
        """Call `cancel`, in a thread, while the block goes on after a request to stop.

        An error in the block after the request is the interrupt.
        """
        ended = threading.Event()
        thread = threading.Thread(target=self._cancel, args=(cancel, ended), daemon=True)
        thread.start()
        self._is_working = True
        try:
            self.check()
            yield
        except Exception:
            self.check()
            raise
        finally:
            self._is_working = False
            ended.set()
            thread.join()

    def _cancel(self, cancel: Callable[[], None], ended: threading.Event) -> None:
        while not ended.wait(CANCEL_EVERY):
            if self.requested:
                with suppress(Exception):  # the session may have just been closed
                    cancel()


@contextmanager
def noted() -> Iterator[Interrupts]:
    """In the block, SIGINT and SIGTERM are requests to stop, and raise nothing."""
    interrupts = Interrupts()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    handlers = {number: signal.signal(number, interrupts.handle) for number in numbers}
    try:
        yield interrupts
    finally:
        signal.alarm(0)
        # An interrupted process is about to end, and a second Ctrl-C may come until then.
        for number, handler in () if interrupts.requested else handlers.items():
            signal.signal(number, handler)
