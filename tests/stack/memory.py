"""Measures the memory of a process and its descendants; a shared page counts once."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

MIB = 1 << 20


def of_tree(root: int) -> int:
    """Return the proportional set size in bytes."""
    return sum(of_process(pid) for pid in descendants(root))


def of_process(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:")), 0)


def descendants(root: int) -> Iterator[int]:
    """Yield the process and its descendants."""
    children = defaultdict(list)
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children[parent].append(int(path.parent.name))
    open_ones = [root]
    while open_ones:
        pid = open_ones.pop()
        yield pid
        open_ones += children[pid]
