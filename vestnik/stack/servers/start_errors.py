"""Explains why PostgreSQL did not start, by the last lines of its log, and names the remedy."""

import re
from pathlib import Path

from vestnik.stack.errors import NO_ROOM, StackError, disk_is_full

#: The remedy by PostgreSQL's message. With any other message the data is damaged.
REMEDIES = (
    (
        "shared memory|Cannot allocate memory|out of memory",
        "the data is intact: give the machine or the container more memory, or end other programs",
    ),
    (
        "Too many open files|too many open files",
        "the data is intact: raise the limit of open files (`ulimit -n`)",
    ),
    (
        "Resource temporarily unavailable|could not fork",
        "the data is intact: raise the limit of processes (`ulimit -u`), or end some",
    ),
    (
        "Permission denied|wrong ownership|has group or world access",
        "the data is intact: give the folder back to the account that the stack ran as",
    ),
)


def start_error(folder: Path, lines: list[str]) -> StackError:
    """Return the error of a server that did not start, by the last lines of its log."""
    told = [line for line in lines if re.search(r"FATAL|PANIC|error:|could not", line)]
    words = re.sub(r"^.*?(FATAL|PANIC|error): +", "", (told or lines or ["no message"])[0])
    if any(NO_ROOM in line and "shared memory" not in line for line in lines):
        return disk_is_full(folder)
    remedies = (remedy for sign, remedy in REMEDIES if re.search(sign, "\n".join(lines)))
    return StackError(f"PostgreSQL does not start: {words}: {next(remedies, restore_hint(folder))}")


def restore_hint(folder: Path) -> str:
    """Return the remedy for damaged data."""
    return f"restore {folder} from a backup, or move {folder.parent} away"
