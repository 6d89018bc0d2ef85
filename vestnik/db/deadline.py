"""The deadline of a request: no statement begins after it.

Work without the database is bounded by the size of the request's body; longer loops call `check`.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

_this_thread = threading.local()


class DeadlineExceeded(Exception):
    """The deadline of the request has passed."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Set a deadline of `seconds` for the block: statements and `check` raise DeadlineExceeded."""
    _this_thread.ends = time.monotonic() + seconds
    try:
        with connection.execute_wrapper(_checked):
            yield
    finally:
        _this_thread.ends = None


def extend(seconds: float) -> None:
    """Move the deadline to at least `seconds` from now, after time that the caller itself took."""
    ends = getattr(_this_thread, "ends", None)
    if ends is not None:
        _this_thread.ends = max(ends, time.monotonic() + seconds)


def check() -> None:
    """Raise DeadlineExceeded if the deadline of this thread's request has passed."""
    ends = getattr(_this_thread, "ends", None)
    if ends is not None and time.monotonic() > ends:
        raise DeadlineExceeded


def _checked(execute: Callable[..., Any], *arguments: Any) -> Any:
    check()
    return execute(*arguments)
