"""Finds the row that names the columns: often the first, sometimes below a title, or none."""

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

#: The number of rows, blank ones not counted, among which the header is searched.
LOOKED_AT = 30
#: The `header_line` of a file without a header; lines count from 1.
NO_HEADER = 0


@dataclass
class Table:
    """The rows of a file, and the row that names their columns."""

    head: Sequence[Row]
    #: The index of the header in `head`; None if the file has none.
    place: int | None
    rest: Iterable[Row] = ()
    #: The first line of each sheet after the first, and the name of the sheet.
    sheets: list[tuple[int, str]] = field(default_factory=list)

    @property
    def header(self) -> Row | None:
        return None if self.place is None else self.head[self.place]

    @property
    def header_line(self) -> int:
        return NO_HEADER if self.header is None else self.header[0]

    @property
    def names(self) -> list[str]:
        """The headings; without a header, an empty one for each column of the first rows."""
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
        """Return the reason with sheet and line added if the line is beyond the first sheet."""
        for first, name in reversed(self.sheets):
            if line >= first:
                number = line - first + 1
                return Reason(Code.ON_SHEET, sheet=name, line=number, reason=reason)
        return reason


def table(rows: Iterator[Row], mapping: Mapping[str, str], header_line: int | None) -> Table:
    """Return the rows with their header found, or at the given line (0: there is none)."""
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
    """Return the index of the header; None if the first row is a client already."""
    first_client = next((n for n, row in enumerate(head) if _has_phone(row[1])), len(head))
    mapped_names = {name for name in mapping if not name.isdecimal()}
    for place, (_, cells, _) in enumerate(head[:first_client]):
        names = {column_name(cell) for cell in cells}
        # A known name is certain. Otherwise the widest row above the first client is the header,
        # since titles are narrow.
        if any(map(is_phone_name, names)) or (mapped_names and mapped_names <= names | set(cells)):
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
    """Return whether each row is a single number; landlines do not look like mobile numbers."""
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
