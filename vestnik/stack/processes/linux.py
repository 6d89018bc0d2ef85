"""Calls of Linux that Python's standard library lacks."""

import ctypes
import errno
import math
import os
import signal
from collections.abc import Iterator
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
CGROUPS = Path("/sys/fs/cgroup")
OWN_GROUPS = Path("/proc/self/cgroup")


def prctl(option: int, value: int) -> None:
    """Call prctl(2). Raises OSError if the kernel refuses."""
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends."""
    parent = os.getppid()
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have ended before the request took effect.
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def exchange(one: Path, other: Path) -> None:
    """Exchange the names of two folders atomically. Raises OSError if the file system cannot."""
    here, swap = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if renameat2(here, bytes(one), here, bytes(other), swap) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(one))


def adopt_orphans() -> None:
    """Become the subreaper of orphaned descendants."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def children() -> set[int]:
    """Return the ids of child processes, adopted ones included."""
    try:
        lists = [
            Path("/proc/self/task", task, "children") for task in os.listdir("/proc/self/task")
        ]
    except OSError:  # no descriptor is left: the children are unknown for now
        return set()
    return {int(pid) for path in lists for pid in _read(path).split()}


def session(pid: int) -> int:
    """Return the session id of a process; 0 if it is gone."""
    try:
        return os.getsid(pid)
    except OSError:
        return 0


def working_folder(pid: int) -> Path | None:
    """Return the working folder of a process; None if it is gone or not readable."""
    try:
        return Path(os.readlink(f"/proc/{pid}/cwd"))
    except OSError:
        return None


def parent_named(*names: str) -> int:
    """Return the parent's id if it runs one of these programs, else 0."""
    parent = os.getppid()
    return parent if _read(Path(f"/proc/{parent}/comm")).strip() in names else 0


def has_lost_make(make: int) -> bool:
    """Return whether GNU make, the parent, was interrupted and waits for this process to end.

    make passes SIGTERM on, and a terminal sends SIGINT to both. A SIGINT sent to make alone is not
    passed on: make only waits, with the signal blocked and uncaught, which /proc shows.
    """
    try:
        text = Path(f"/proc/{make}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    except OSError:  # no descriptor is left: the state of make is unknown
        return False
    status = dict(line.split(":\t", 1) for line in text.splitlines())
    bit = 1 << (signal.SIGINT - 1)
    return bool(int(status["SigBlk"], 16) & bit) and not int(status["SigCgt"], 16) & bit


def cores() -> int:
    """Return the number of processors that affinity and the control group's quota allow."""
    allowed = len(os.sched_getaffinity(0))
    for folder in _groups("cpu"):
        quota, period = _quota(folder)
        if quota > 0:
            allowed = min(allowed, max(1, math.ceil(quota / period)))
    return allowed


def memory() -> int:
    """Return the bytes of memory of the machine or of this process's control group."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    names = ("memory.max", "memory.limit_in_bytes")
    limits = [_read(folder / name).strip() for folder in _groups("memory") for name in names]
    return min([whole, *(int(limit) for limit in limits if limit.isdecimal())])


def _quota(folder: Path) -> tuple[int, int]:
    """Return microseconds of processor time and their period; zero or less is no limit."""
    words = _read(folder / "cpu.max").split() or [
        _read(folder / "cpu.cfs_quota_us").strip() or "0",
        _read(folder / "cpu.cfs_period_us").strip() or "100000",
    ]
    return (0 if words[0] == "max" else int(words[0])), int(words[1])


def _groups(controller: str) -> Iterator[Path]:
    """Yield the folders of this process's control group and its ancestors, versions 2 and 1.

    Inside a container the group's own path may not exist: its folders are mounted at the top.
    """
    for line in _read(OWN_GROUPS).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        top = CGROUPS / controllers if controllers else CGROUPS
        inner = top / path.strip("/")
        yield from (top, *(folder for folder in (inner, *inner.parents) if top in folder.parents))


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
