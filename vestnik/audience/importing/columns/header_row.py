"""Which row of a file names its columns: often the first, sometimes below a title, or none."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

from vestnik.audience.importing.columns.cell_text import (
    column_name,
    is_blank,
    is_like_number,
    is_like_phone,
)
from vestnik.audience.importing.columns.header import is_phone_name
from vestnik.audience.importing.errors import FileProblem
from vestnik.audience.importing.row_types import Row
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

#: The header is looked for in so many rows that hold something.
LOOKED_AT = 30
NO_HEADER = 0


@dataclass
class Table:
    """The rows of a file that are read, and the one that names their columns."""

    head: Sequence[Row]
    #: The place of the header in `head`; None where the file has none.
    place: int | None
    rest: Iterable[Row] = ()
    #: The first line of each sheet after the first, and the sheet's name.
    sheets: list[tuple[int, str]] = field(default_factory=list)

    @property
    def header(self) -> Row | None:
        return None if self.place is None else self.head[self.place]

    @property
    def header_line(self) -> int:
        return NO_HEADER if self.header is None else self.header[0]

    @property
    def names(self) -> list[str]:
        """The headings; where there are none, an empty one for each column of the first rows."""
        if self.header is not None:
            return [name.lstrip("\ufeff") for name in self.header[1]]
        return [""] * max((len(cells) for _, cells, _ in self.head), default=0)

    @property
    def first(self) -> Sequence[Row]:
        """The first rows below the header."""
        return self.head[0 if self.place is None else self.place + 1 :]

    @property
    def rows(self) -> Iterator[Row]:
        """All rows below the header."""
        return chain(self.first, self.rest)

    def placed(self, line: int, reason: Reason) -> Reason:
        """The reason with the sheet and the line of it where it is beyond the first sheet."""
        for first, name in reversed(self.sheets):
            if line >= first:
                number = line - first + 1
                return Reason(Code.ON_SHEET, sheet=name, line=number, reason=reason)
        return reason


def table(rows: Iterator[Row], mapping: Mapping[str, str], header_line: int | None) -> Table:
    """The rows with their header found, or at the line that somebody gave (0: there is none)."""
    head = list(islice(rows, LOOKED_AT))
    return Table(head, _place(head, mapping, header_line), rows)


def _place(head: Sequence[Row], mapping: Mapping[str, str], line: int | None) -> int | None:
    if line is None:
        return guess_table(head, mapping)
    if line == NO_HEADER:
        return None
    for place, row in enumerate(head):
        if row[0] == line:
            return place
    raise FileProblem(Reason(Code.HEADER_LINE_WRONG, line=line, most=LOOKED_AT))


def guess_table(head: Sequence[Row], mapping: Mapping[str, str]) -> int | None:
    """The place of the row that names the columns; None where the first row is a client already."""
    first_client = next((n for n, row in enumerate(head) if _has_phone(row[1])), len(head))
    named = {name for name in mapping if not name.isdecimal()}
    for place, (_, cells, _) in enumerate(head[:first_client]):
        names = {column_name(cell) for cell in cells}
        if any(map(is_phone_name, names)) or (named and named <= names | set(cells)):
            return place
    if first_client == len(head):
        return 0 if head and not _is_bare_list(head) else None
    column = _phone_column(head)
    if is_like_number(_cell(head[0][1], column)):
        return None
    return max(range(first_client), key=lambda place: _width(head[place][1]), default=None)


def _has_phone(cells: Sequence[str]) -> bool:
    return any(map(is_like_phone, cells))


def _is_bare_list(head: Sequence[Row]) -> bool:
    """Whether each row is one number, of whatever kind: landlines look like no mobile ones."""
    return all(len(cells) == 1 and is_like_number(cells[0]) for _, cells, _ in head)


def _phone_column(head: Sequence[Row]) -> int:
    counts: dict[int, int] = {}
    for _, cells, _ in head:
        for n, cell in enumerate(cells):
            if is_like_phone(cell):
                counts[n] = counts.get(n, 0) + 1
    return max(counts, key=lambda n: counts[n])


def _cell(cells: Sequence[str], column: int) -> str:
    return cells[column] if column < len(cells) else ""


def _width(cells: Sequence[str]) -> int:
    return sum(not is_blank(cell) for cell in cells)
