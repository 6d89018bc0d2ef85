"""What may keep the stack from running."""

import contextlib
import errno
import os
import pwd
from pathlib import Path

NO_ROOM = "No space left on device"


class StackError(Exception):
    """One line, for whoever started the stack: what is wrong, and what to do about it."""


class Interrupted(Exception):
    """Somebody asked the stack to stop while it was still starting."""


def of_folder(path: Path, error: OSError) -> StackError:
    """The one line about a folder that cannot be used."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_is_full(path)
    return StackError(
        f"cannot use {path}: {error.strerror or error}{_owned(path)}: make it a folder that you "
        "may write to, or set VESTNIK_HOME to another one"
    )


def _owned(path: Path) -> str:
    """Whose the folder is, where it is somebody else's: `sudo vestnik up` leaves it to root."""
    with contextlib.suppress(OSError, KeyError):
        owner = path.stat().st_uid
        if owner != os.geteuid():
            return f" (it belongs to {pwd.getpwuid(owner).pw_name})"
    return ""


def disk_is_full(path: Path) -> StackError:
    """The one line about a disk with no room left."""
    return StackError(
        f"the disk of {path} is full: free some room, or set VESTNIK_HOME to a folder elsewhere"
    )
