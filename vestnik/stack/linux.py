"""The few calls to Linux that Python has no name for."""

import ctypes
import os
import signal
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def prctl(option: int, value: int) -> None:
    """Raises OSError where the kernel refuses."""
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def die_with_parent() -> None:
    """Have the kernel kill this process when the one that forked it is gone."""
    parent = os.getppid()
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def adopt_orphans() -> None:
    """Have processes fall to us whose parent, a descendant of ours, is killed."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def children() -> set[int]:
    """The processes whose parent we are, the adopted ones too."""
    lists = Path("/proc/self/task").glob("*/children")
    return {int(pid) for path in lists for pid in _read(path).split()}


def working_folder(pid: int) -> Path | None:
    """Where a process stands; None where it is gone or not ours to ask about."""
    try:
        return Path(os.readlink(f"/proc/{pid}/cwd"))
    except OSError:
        return None


def parent_named(*names: str) -> int:
    """Our parent, if it is one of these programs; else 0."""
    parent = os.getppid()
    return parent if _read(Path(f"/proc/{parent}/comm")).strip() in names else 0


def forsaken_by_make(make: int) -> bool:
    """Whether GNU make, our parent, was told to stop and waits for us to end by ourselves.

    It hands SIGTERM on to us, and a terminal sends SIGINT to both; but of a SIGINT sent to make
    alone we hear nothing: its handler only waits, with the signal blocked and uncaught.
    """
    status = dict(line.split(":\t", 1) for line in _read(Path(f"/proc/{make}/status")).splitlines())
    if not status:
        return True
    bit = 1 << (signal.SIGINT - 1)
    return bool(int(status["SigBlk"], 16) & bit) and not int(status["SigCgt"], 16) & bit


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
