"""What may keep the stack from running."""

import errno
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
        f"cannot use {path}: {error.strerror or error}: make it a folder that you may write to, "
        "or set VESTNIK_HOME to another one"
    )


def disk_is_full(path: Path) -> StackError:
    """The one line about a disk with no room left."""
    return StackError(
        f"the disk of {path} is full: free some room, or set VESTNIK_HOME to a folder elsewhere"
    )
