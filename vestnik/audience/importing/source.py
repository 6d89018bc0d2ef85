"""What the readers of each format have in common: rows with their line, and how far they are."""

from dataclasses import dataclass

MOST_COLUMNS = 256

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
