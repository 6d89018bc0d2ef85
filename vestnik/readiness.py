"""Reports the readiness of a process to the supervisor, by a line on an inherited pipe.

The supervisor passes the descriptor and the name of the process in the environment.
"""

import contextlib
import os

DESCRIPTOR = "VESTNIK_READY_FD"
NAME = "VESTNIK_PROCESS"


def announce() -> None:
    """Report that this process is ready. Does nothing outside a stack."""
    descriptor = os.environ.pop(DESCRIPTOR, "")
    if descriptor:
        with contextlib.suppress(OSError):
            os.write(int(descriptor), f"{process_name('')}\n".encode())
            os.close(int(descriptor))


def process_name(default: str) -> str:
    """Return the name of this process in the stack, or the default outside a stack."""
    return os.environ.get(NAME, default)


def is_supervised() -> bool:
    """Return whether this process is part of a stack, whose supervisor has migrated the
    database."""
    return NAME in os.environ
