"""How long a request may take: no statement longer, and none begun after that.

What a request does without the database is bounded by the size of its body; longer loops call
`check`.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

_this_thread = threading.local()


class DeadlineExceeded(Exception):
    """The request has had its time."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Statements and `check` in the block raise DeadlineExceeded once the time is over."""
    _this_thread.ends = time.monotonic() + seconds
    try:
        with connection.execute_wrapper(_checked):
            yield
    finally:
        _this_thread.ends = None


def extend(seconds: float) -> None:
    """At least so long from here on, where what came before was the caller's own slowness."""
    ends = getattr(_this_thread, "ends", None)
    if ends is not None:
        _this_thread.ends = max(ends, time.monotonic() + seconds)


def check() -> None:
    """Raises DeadlineExceeded where the time of this thread's request is over."""
    ends = getattr(_this_thread, "ends", None)
    if ends is not None and time.monotonic() > ends:
        raise DeadlineExceeded


def _checked(execute: Callable[..., Any], *arguments: Any) -> Any:
    check()
    return execute(*arguments)
