"""Logs a lasting fault by a few lines, instead of one for each failed attempt."""

import threading
import time

import structlog

log = structlog.get_logger(__name__)

#: Seconds before a fault is logged again: at first, and at most.
FIRST_PAUSE = 10.0
LONGEST_PAUSE = 600.0


class OutageLog:
    """Logs a fault at once, again after 10 s, 20 s, 40 s … up to 10 minutes, and its end.

    A fault that comes and goes is logged once in 10 s. Thread-safe. `what` names the fault in the
    log; `remedy` says what to do.
    """

    def __init__(self, what: str, remedy: str = "") -> None:
        self.what, self.remedy = what, remedy
        self._lock = threading.Lock()
        self._began: float | None = None
        self._said = self._silent_until = float("-inf")
        self._pause = FIRST_PAUSE / 2
        self._failures = 0
        self._is_said = False

    def failed(self, error: BaseException) -> None:
        """Report a failed attempt."""
        now = time.monotonic()
        with self._lock:
            if self._began is None:
                self._began, self._failures, self._is_said = now, 0, False
                self._pause, self._silent_until = FIRST_PAUSE / 2, self._said + FIRST_PAUSE
            self._failures += 1
            if now < self._silent_until:
                return
            self._is_said, self._said = True, now
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
            self._silent_until = now + self._pause
            failures = self._failures
        remedy = {"remedy": self.remedy} if self.remedy else {}
        log.error(self.what, error=one_line(error), failures=failures, **remedy)

    def worked(self) -> None:
        """Report a successful attempt. Without a fault before it, this costs nothing."""
        if self._began is None:
            return
        with self._lock:
            began, self._began = self._began, None
            is_said = self._is_said
        if began is not None and is_said:
            seconds = round(time.monotonic() - began, 1)
            log.info(f"over: {self.what}", failures=self._failures, seconds=seconds)


def one_line(error: BaseException) -> str:
    """Return the class of an error and the first line of its text."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:200]}" if text else type(error).__name__
