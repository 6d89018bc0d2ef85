"""Runs calls that may hang in threads, one at a time for each function."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")

#: Seconds after which an attempt is abandoned: the next caller starts another one.
ABANDONED_AFTER = 5.0
#: The most hanging attempts of one function; then callers wait for the last one.
MOST_ATTEMPTS = 3


@dataclass
class _Attempts:
    """The attempts of one function."""

    last: "Future[Any] | None" = None
    began: float = 0.0
    threads: list[threading.Thread] = field(default_factory=list)


class SingleFlight:
    """Callers of the same function share one attempt, so that a server that does not answer blocks
    few threads."""

    def __init__(self, name: str, *, after_each: Callable[[], None]) -> None:
        self._name, self._after_each = name, after_each
        self._lock = threading.Lock()
        self._attempts: dict[Callable[[], Any], _Attempts] = {}

    def ask(self, question: Callable[[], T]) -> Future[T]:
        """Return the future of the current attempt, or of a new one."""
        with self._lock:
            attempts = self._attempts.setdefault(question, _Attempts())
            if attempts.last is not None and not self._is_over(attempts):
                return attempts.last
            return self._begin(question, attempts)

    def _begin(self, question: Callable[[], T], attempts: _Attempts) -> Future[T]:
        future: Future[T] = Future()
        thread = threading.Thread(
            target=self._attempt, args=(question, future), name=self._name, daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:  # no thread is left: the next caller tries again
            future.set_exception(error)
            return future
        attempts.threads.append(thread)
        attempts.last, attempts.began = future, time.monotonic()
        return future

    def _is_over(self, attempts: _Attempts) -> bool:
        attempts.threads = [thread for thread in attempts.threads if thread.is_alive()]
        if attempts.last is None or attempts.last.done():
            return True
        is_old = time.monotonic() - attempts.began > ABANDONED_AFTER
        return is_old and len(attempts.threads) < MOST_ATTEMPTS

    def _attempt(self, question: Callable[[], T], future: Future[T]) -> None:
        try:
            future.set_result(question())
        except BaseException as error:
            future.set_exception(error)
        finally:
            self._after_each()
