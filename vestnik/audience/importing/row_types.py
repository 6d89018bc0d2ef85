"""What the readers of each format have in common: rows with their line, and how far they are."""

from dataclasses import dataclass

MOST_COLUMNS = 256
#: More digits than these are no number of ours. Python's int() refuses 4,300 and is slow before.
MOST_DIGITS = 10

#: The line, its cells, and why it could not be read; empty where it could.
Row = tuple[int, list[str], str]


@dataclass
class Progress:
    """How much of the file is read, in bytes of whatever the reader counts."""

    done: int = 0
    total: int = 0

    @property
    def percent(self) -> int:
        return min(99, 100 * self.done // self.total) if self.total else 0


def index_in(written: str) -> int | None:
    """The number that a file gives as a place, an id or a line; None where it is none."""
    written = written.strip()
    if written.isascii() and written.isdecimal() and len(written) <= MOST_DIGITS:
        return int(written)
    return None
