"""Why PostgreSQL did not start, by the last lines of its log, and what to do."""

import re
from pathlib import Path

from vestnik.stack.errors import NO_ROOM, StackError, disk_is_full

#: The remedy by PostgreSQL's message; for any other message its data are damaged.
REMEDIES = (
    (
        "shared memory|Cannot allocate memory|out of memory",
        "the data are whole: give the machine or the container more memory, or end what takes it",
    ),
    (
        "Too many open files|too many open files",
        "the data are whole: raise the limit of open files (`ulimit -n`)",
    ),
    (
        "Resource temporarily unavailable|could not fork",
        "the data are whole: raise the limit of processes (`ulimit -u`), or end some",
    ),
    (
        "Permission denied|wrong ownership|has group or world access",
        "the data are whole: give the folder back to the account that the stack ran as",
    ),
)


def start_error(folder: Path, lines: list[str]) -> StackError:
    """Return the error of a server that did not start, by the last lines of its log."""
    told = [line for line in lines if re.search(r"FATAL|PANIC|error:|could not", line)]
    words = re.sub(r"^.*?(FATAL|PANIC|error): +", "", (told or lines or ["no word of why"])[0])
    if any(NO_ROOM in line and "shared memory" not in line for line in lines):
        return disk_is_full(folder)
    remedies = (remedy for sign, remedy in REMEDIES if re.search(sign, "\n".join(lines)))
    return StackError(f"PostgreSQL does not start: {words}: {next(remedies, restore_hint(folder))}")


def restore_hint(folder: Path) -> str:
    """Return the remedy where the data are damaged."""
    return f"bring {folder} back from a copy, or move {folder.parent} away"
