"""Chooses the sheets to read: the first with rows, and those that continue it.

If a workbook has a second list of clients, the user has to choose. A hidden sheet is read only if
the user names it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from vestnik.audience.importing.columns.cell_text import column_name, is_like_phone
from vestnik.audience.importing.columns.header import is_phone_name
from vestnik.audience.importing.columns.header_row import LOOKED_AT, Table, table
from vestnik.audience.importing.errors import FileProblem
from vestnik.audience.importing.options import Options
from vestnik.audience.importing.row_types import Progress, Row
from vestnik.audience.importing.xlsx.workbook import Sheet, Workbook
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason


@dataclass(frozen=True)
class SheetInfo:
    """A sheet of the file, and whether it is read."""

    name: str
    is_hidden: bool
    is_read: bool = False


@dataclass(frozen=True)
class Choice:
    """The rows to read, and the sheets of the file; `problem` if none can be chosen."""

    table: Table
    sheets: tuple[SheetInfo, ...]
    problem: str = ""


def choose(book: Workbook, options: Options, progress: Progress) -> Choice:
    """Choose the sheets. Raises FileProblem if the sheet that the user named does not exist."""
    if options.sheet:
        return _read(book, [_named(book, options.sheet)], options, progress)
    filled = [(s, head) for s in book.sheets if not s.is_hidden and (head := _head(book, s))]
    if not filled:
        hidden = [s.name for s in book.sheets if s.is_hidden and _head(book, s)]
        problem = Reason(Code.ONLY_HIDDEN_SHEETS, names=_listed(hidden)) if hidden else ""
        return Choice(Table([], None), _shown(book, []), problem)
    # A first reading without progress, only to find the header.
    first = _read(book, [filled[0][0]], options, Progress()).table
    joined = [s for n, (s, head) in enumerate(filled) if not n or _same(head, first) is not None]
    others = [s.name for s, head in filled if s not in joined and _holds_clients(head)]
    choice = _read(book, joined, options, progress)
    if not others:
        return choice
    return replace(
        choice, problem=Reason(Code.SEVERAL_SHEETS, names=_listed([joined[0].name, *others]))
    )


def _head(book: Workbook, sheet: Sheet) -> list[Row]:
    return list(islice(book.rows(sheet, Progress()), LOOKED_AT))


def _read(book: Workbook, sheets: Sequence[Sheet], options: Options, progress: Progress) -> Choice:
    progress.total = sum(sheet.part.file_size for sheet in sheets)
    rows = book.rows(sheets[0], progress)
    first = table(rows, options.mapping, options.header_line)
    if len(sheets) > 1:
        others = ((sheet.name, book.rows(sheet, progress)) for sheet in sheets[1:])
        first.rest = _one_after_the_other(first, first.rest, others)
    return Choice(first, _shown(book, sheets))


def _one_after_the_other(
    first: Table, rest: Iterable[Row], others: Iterable[tuple[str, Iterator[Row]]]
) -> Iterator[Row]:
    """Yield the rest of the first sheet and the rows of the others, with continued line numbers."""
    last = first.head[-1][0]
    for row in rest:
        last = row[0]
        yield row
    for name, rows in others:
        before = last
        first.sheets.append((before + 1, name))
        head = list(islice(rows, LOOKED_AT))
        for line, cells, problem in Table(head, _same(head, first), rows).rows:
            last = before + line
            yield last, cells, problem


def _named(book: Workbook, name: str) -> Sheet:
    for sheet in book.sheets:
        if sheet.name == name:
            return sheet
    names = _listed([s.name for s in book.sheets])
    raise FileProblem(Reason(Code.SHEET_MISSING, name=repr(name[:50]), names=names))


def _shown(book: Workbook, read: Sequence[Sheet]) -> tuple[SheetInfo, ...]:
    return tuple(SheetInfo(s.name, s.is_hidden, s in read) for s in book.sheets)


def _same(head: Sequence[Row], first: Table) -> int | None:
    """Return the index of the row that repeats the headings of the first sheet."""
    if first.header is None:
        return None
    headings = _names(first.header[1])
    return next((n for n, (_, cells, _) in enumerate(head) if _names(cells) == headings), None)


def _names(cells: Sequence[str]) -> list[str]:
    return "\n".join(map(column_name, cells)).rstrip("\n").split("\n")


def _holds_clients(head: Sequence[Row]) -> bool:
    return any(is_phone_name(cell) or is_like_phone(cell) for _, cells, _ in head for cell in cells)


def _listed(names: list[str]) -> str:
    return ", ".join(names)[:300]
