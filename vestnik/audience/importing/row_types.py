"""Types that the readers of all formats share: rows with their line, and the progress."""

from dataclasses import dataclass

#: Columns of a file; further ones must be blank.
MOST_COLUMNS = 256
#: A longer number is not a valid index. Python's int() refuses 4,300 digits and is slow before.
MOST_DIGITS = 10

#: The line, its cells, and why it could not be read; empty if it could.
Row = tuple[int, list[str], str]


@dataclass
class Progress:
    """How much of the file is read, in bytes as the reader counts them."""

    done: int = 0
    total: int = 0

    @property
    def percent(self) -> int:
        return min(99, 100 * self.done // self.total) if self.total else 0


def index_in(written: str) -> int | None:
    """Return the number that a file gives as an index, an id or a line; None if it is not one."""
    written = written.strip()
    if written.isascii() and written.isdecimal() and len(written) <= MOST_DIGITS:
        return int(written)
    return None
