"""How much time and memory a process may take for a file that somebody else made."""

import resource
import signal
from typing import Any

from vestnik.audience.importing.errors import FileProblem
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

TOO_MUCH = Reason(Code.FILE_TOO_HEAVY)
#: After the signal a process has so many seconds to say why it ends.
GRACE = 5


def set_limits(seconds: int, memory: int) -> None:
    """Raise FileProblem in this process after so much CPU time, and MemoryError beyond so much."""
    signal.signal(signal.SIGXCPU, _refuse)
    _lower(resource.RLIMIT_CPU, seconds, seconds + GRACE)
    _lower(resource.RLIMIT_AS, memory, memory)


def _lower(what: int, soft: int, hard: int) -> None:
    """Never above what this process may have."""
    _, most = resource.getrlimit(what)
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    resource.setrlimit(what, (soft, hard))


def _refuse(*_: Any) -> None:
    raise FileProblem(TOO_MUCH)
