"""Measures the anonymous memory of the stack's processes, and its growth during a mailing."""

import re
import threading
from pathlib import Path

from tests.stack.running import RunningStack

ANONYMOUS = re.compile(r"^Anonymous:\s+(\d+) kB", re.MULTILINE)


def anonymous(pid: int) -> float:
    """Return the MiB of memory that only this process has; 0 if it has ended."""
    try:
        found = ANONYMOUS.search(Path(f"/proc/{pid}/smaps_rollup").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return int(found[1]) / 1024 if found else 0.0


def family(pid: int) -> list[int]:
    """Return a process and its descendants."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [pid, *(one for child in children for one in family(int(child)))]


class Watch(threading.Thread):
    """Measure the peak of each of the stack's processes during the block, by name."""

    def __init__(self, stack: RunningStack) -> None:
        super().__init__(daemon=True)
        self._pids, self._done = stack.pids, threading.Event()
        self.peaks: dict[str, float] = {}

    def __enter__(self) -> "Watch":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.join()

    def run(self) -> None:
        while not self._done.wait(0.1):
            for name, pid in self._pids.items():
                most = max(map(anonymous, family(pid)), default=0.0)
                self.peaks[name] = max(self.peaks.get(name, 0.0), most)
