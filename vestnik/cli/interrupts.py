"""Handles Ctrl-C in a command that has to clean up before it ends.

A signal only requests the stop. An exception raised between any two instructions could come after a
commit and before the code that reports it, or leave a lock of a library held.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

#: Seconds after the request at which work that has not checked for it is interrupted, and between
#: further alarms; the process is ended at the third.
SECONDS = 5
ALARMS = 3
#: Seconds between two cancellations: a single one may come before the next statement has begun.
CANCEL_EVERY = 0.25
#: 128 + SIGINT, as shells report an interrupted command.
STATUS = 130
ENDED = b"vestnik: the import did not stop in time: see the list of imports for its result\n"
STANDARD_ERROR = 2


class Interrupts:
    """The request to stop, by SIGINT or SIGTERM."""

    def __init__(self) -> None:
        self.requested = False
        self._is_working, self._alarms = False, 0

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal. Only the alarm raises, and only in work that did not stop in time."""
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
        """Run the block; after a request to stop, call `cancel` repeatedly in a thread.

        An error in the block after the request is raised as KeyboardInterrupt.
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
    """Handle SIGINT and SIGTERM as requests to stop during the block; they raise nothing."""
    interrupts = Interrupts()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    handlers = {number: signal.signal(number, interrupts.handle) for number in numbers}
    try:
        yield interrupts
    finally:
        signal.alarm(0)
        # An interrupted process ends soon, and a second Ctrl-C must not break its output.
        for number, handler in () if interrupts.requested else handlers.items():
            signal.signal(number, handler)
