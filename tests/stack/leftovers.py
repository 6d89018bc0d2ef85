"""Finds remains of a stack: processes, and folders outside its home."""

import os
from collections.abc import Iterator
from pathlib import Path

from vestnik.stack.runtime_dir import PARENTS, prefix


def processes_of(home: Path) -> list[str]:
    """Return the command lines of processes that use this home, work in it, or were started for
    it."""
    return [_command(pid) for pid in _pids() if _belongs(pid, home)]


def children_of(pid: int) -> set[int]:
    """Return the child processes."""
    return {
        int(child)
        for task in os.listdir(f"/proc/{pid}/task")
        for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split()
    }


def runtime_dirs_of(home: Path) -> list[Path]:
    """Return the folders outside the home."""
    return [path for place in PARENTS for path in Path(place).glob(f"{prefix(home)}*")]


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def _belongs(pid: int, home: Path) -> bool:
    try:
        environ = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        folder = os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return False
    return f"VESTNIK_HOME={home}".encode() in environ or folder.startswith(f"{home}/")


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
