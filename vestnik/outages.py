"""One log line for a fault that lasts, instead of one for each attempt that fails."""

import threading
import time

import structlog

log = structlog.get_logger(__name__)

FIRST_PAUSE = 10.0
LONGEST_PAUSE = 600.0


class OutageLog:
    """Logs a fault at once, again after 10 s, 20 s, 40 s … up to 10 minutes, and its end.

    Any thread may report. `what` names the fault in the log; `remedy` says what to do.
    """

    def __init__(self, what: str, remedy: str = "") -> None:
        self.what, self.remedy = what, remedy
        self._lock = threading.Lock()
        self._began: float | None = None
        self._silent_until = self._pause = 0.0
        self._failures = 0

    def failed(self, error: BaseException) -> None:
        """Report an attempt that failed."""
        now = time.monotonic()
        with self._lock:
            if self._began is None:
                self._began, self._pause, self._failures = now, FIRST_PAUSE / 2, 0
                self._silent_until = now
            self._failures += 1
            if now < self._silent_until:
                return
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
            self._silent_until = now + self._pause
            failures = self._failures
        remedy = {"remedy": self.remedy} if self.remedy else {}
        log.error(self.what, error=one_line(error), failures=failures, **remedy)

    def worked(self) -> None:
        """Report an attempt that succeeded; costs nothing where none has failed before."""
        if self._began is None:
            return
        with self._lock:
            began, self._began = self._began, None
        if began is not None:
            seconds = round(time.monotonic() - began, 1)
            log.info(f"over: {self.what}", failures=self._failures, seconds=seconds)


def one_line(error: BaseException) -> str:
    """The class of an error and the first line of its text."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:200]}" if text else type(error).__name__
