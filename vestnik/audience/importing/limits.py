"""Limits of CPU time and memory for a process that reads a user's file."""

import resource
import signal
from typing import Any

from vestnik.audience.importing.errors import FileProblem
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

TOO_MUCH = Reason(Code.FILE_TOO_HEAVY)
#: Seconds between the signal and the kill, in which the process reports the reason.
GRACE = 5


def set_limits(seconds: int, memory: int) -> None:
    """Raise FileProblem after so many seconds of CPU time, and MemoryError beyond so many bytes."""
    signal.signal(signal.SIGXCPU, _refuse)
    _lower(resource.RLIMIT_CPU, seconds, seconds + GRACE)
    # The address space, since a limit of resident memory has no effect on Linux.
    _lower(resource.RLIMIT_AS, memory, memory)


def _lower(what: int, soft: int, hard: int) -> None:
    """Set a limit, never above the process's own hard limit."""
    _, most = resource.getrlimit(what)
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    resource.setrlimit(what, (soft, hard))


def _refuse(*_: Any) -> None:
    raise FileProblem(TOO_MUCH)
