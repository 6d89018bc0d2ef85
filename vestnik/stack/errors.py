"""Errors that keep the stack from running."""

import contextlib
import errno
import os
import pwd
from pathlib import Path

NO_ROOM = "No space left on device"


class StackError(Exception):
    """An error for the operator, in one line: the fault and the remedy."""


class Interrupted(Exception):
    """The stack was asked to stop while it was starting."""


def of_folder(path: Path, error: OSError) -> StackError:
    """Return the error for an unusable folder."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_is_full(path)
    return StackError(
        f"cannot use {path}: {error.strerror or error}{_owned(path)}: make it a folder that you "
        "can write to, or set VESTNIK_HOME to another one"
    )


def _owned(path: Path) -> str:
    """Name the owner of a folder of another user: `sudo vestnik up` leaves it to root."""
    with contextlib.suppress(OSError, KeyError):
        owner = path.stat().st_uid
        if owner != os.geteuid():
            return f" (it belongs to {pwd.getpwuid(owner).pw_name})"
    return ""


def disk_is_full(path: Path) -> StackError:
    """Return the error for a full disk."""
    return StackError(
        f"the disk of {path} is full: free some space, or set VESTNIK_HOME to another disk"
    )
