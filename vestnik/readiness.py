"""How a process of the stack tells the supervisor that it is ready: a line on a pipe it inherits.

The supervisor says by the environment which descriptor that is, and under which name.
"""

import contextlib
import os

DESCRIPTOR = "VESTNIK_READY_FD"
NAME = "VESTNIK_PROCESS"


def announce() -> None:
    """Say that this process does its work now. Nothing happens outside a stack."""
    descriptor = os.environ.pop(DESCRIPTOR, "")
    if descriptor:
        with contextlib.suppress(OSError):
            os.write(int(descriptor), f"{process_name('')}\n".encode())
            os.close(int(descriptor))


def process_name(default: str) -> str:
    """What the stack calls this process."""
    return os.environ.get(NAME, default)


def is_supervised() -> bool:
    """Whether this process is part of a stack, whose supervisor has migrated the database."""
    return NAME in os.environ
