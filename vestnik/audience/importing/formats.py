"""What kind of file it is, and its rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from vestnik.audience.importing.columns.cell_text import is_blank
from vestnik.audience.importing.columns.header_row import Table, table
from vestnik.audience.importing.csv import delimited
from vestnik.audience.importing.csv.encodings import ENCODINGS, encoding_of
from vestnik.audience.importing.csv.separators import separator_of
from vestnik.audience.importing.errors import FileProblem
from vestnik.audience.importing.options import Options
from vestnik.audience.importing.row_types import MOST_COLUMNS, Progress, Row
from vestnik.audience.importing.xlsx.sheets import SheetSeen, choose
from vestnik.audience.importing.xlsx.workbook import Workbook

HEAD = 64 * 1024
MOST_BYTES = 512 * 2**20
#: What a form with such a file comes to, its other fields included.
MOST_FORM_BYTES = MOST_BYTES + 2**20
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
SAVE = "save the sheet as XLSX or CSV and import that."
OTHERS = (
    (b"\xd0\xcf\x11\xe0", f"This is an old .xls file, or one with a password: {SAVE}"),
    (b"%PDF", f"This is a PDF: {SAVE}"),
    (b"\x1f\x8b", "This file is packed by gzip: unpack it first."),
    (b"Rar!", "This file is packed by RAR: unpack it first."),
    (b"7z\xbc\xaf", "This file is packed by 7-Zip: unpack it first."),
    (b"{\\rtf", f"This is an RTF text: {SAVE}"),
)
NOT_TEXT = f"This is neither CSV nor XLSX: {SAVE}"


@dataclass(frozen=True)
class Opened:
    """A file whose form is known. `problem` says why its rows may not be imported as they are."""

    kind: str
    encoding: str
    separator: str
    table: Table
    sheets: Sequence[SheetSeen] = ()
    problem: str = ""


def opened(file: IO[bytes], options: Options, progress: Progress) -> Opened:
    """Raises FileProblem where the file is none that can be read, here or in mid-way."""
    head = _head(file)
    if head.startswith(b"PK"):
        chosen = choose(Workbook(file), options, progress)
        return Opened("xlsx", "", "", chosen.table, chosen.sheets, chosen.problem)
    encoding = options.encoding or encoding_of(file)
    if b"\x00" in head[:1000] and encoding != "utf-16":
        raise FileProblem(NOT_TEXT)
    text = head.decode(ENCODINGS[encoding], "ignore")
    separator = options.separator or separator_of(text)
    rows = _narrow(delimited.rows(file, encoding, separator, progress))
    return Opened("csv", encoding, separator, table(rows, options.mapping, options.header_line))


def _head(file: IO[bytes]) -> bytes:
    file.seek(0)
    head = file.read(HEAD)
    if not head.strip():
        raise FileProblem("The file is empty: it needs a header and a row for each client.")
    for begins, problem in OTHERS:
        if head.startswith(begins):
            raise FileProblem(problem)
    return head


def _narrow(rows: Iterator[Row]) -> Iterator[Row]:
    """Blank cells at the end of a row are none of it."""
    for line, cells, problem in rows:
        if len(cells) > MOST_COLUMNS:
            cells = _without_end(cells)
            if len(cells) > MOST_COLUMNS:
                cells, problem = cells[:MOST_COLUMNS], problem or f"It has {len(cells)} cells."
        yield line, cells, problem


def _without_end(cells: list[str]) -> list[str]:
    filled = max((n for n, cell in enumerate(cells, 1) if not is_blank(cell)), default=0)
    return cells[:filled]
