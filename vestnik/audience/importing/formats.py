"""Detects the format of a file, and opens its rows."""

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
from vestnik.audience.importing.xlsx.sheets import SheetInfo, choose
from vestnik.audience.importing.xlsx.workbook import Workbook
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

#: Bytes from which the format, the encoding and the separator are detected.
HEAD = 64 * 1024
#: Bytes of the largest file; it is stored in the database until it is read.
MOST_BYTES = 512 * 2**20
#: The size of a form with such a file and its other fields.
MOST_FORM_BYTES = MOST_BYTES + 2**20
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
#: The signatures of files that users confuse with CSV and XLSX; each has a remedy of its own.
OTHERS = (
    (b"\xd0\xcf\x11\xe0", Reason(Code.OLD_WORKBOOK)),
    (b"%PDF", Reason(Code.IS_PDF)),
    (b"\x1f\x8b", Reason(Code.IS_PACKED, packer="gzip")),
    (b"Rar!", Reason(Code.IS_PACKED, packer="RAR")),
    (b"7z\xbc\xaf", Reason(Code.IS_PACKED, packer="7-Zip")),
    (b"{\\rtf", Reason(Code.IS_RTF)),
)
NOT_TEXT = Reason(Code.NO_TABLE)


@dataclass(frozen=True)
class OpenedFile:
    """A file of a detected format; `problem` says why its rows cannot be imported as they are."""

    kind: str
    encoding: str
    separator: str
    table: Table
    sheets: Sequence[SheetInfo] = ()
    problem: str = ""


def open_file(file: IO[bytes], options: Options, progress: Progress) -> OpenedFile:
    """Open a file. Raises FileProblem if it cannot be read, here or while its rows are read."""
    head = _head(file)
    if head.startswith(b"PK"):
        chosen = choose(Workbook(file), options, progress)
        return OpenedFile("xlsx", "", "", chosen.table, chosen.sheets, chosen.problem)
    encoding = options.encoding or encoding_of(file)
    # NUL at the beginning means a binary file.
    if b"\x00" in head[:1000] and encoding != "utf-16":
        raise FileProblem(NOT_TEXT)
    text = head.decode(ENCODINGS[encoding], "ignore")
    separator = options.separator or separator_of(text)
    rows = _narrow(delimited.rows(file, encoding, separator, progress))
    return OpenedFile("csv", encoding, separator, table(rows, options.mapping, options.header_line))


def _head(file: IO[bytes]) -> bytes:
    file.seek(0)
    head = file.read(HEAD)
    if not head.strip():
        raise FileProblem(Reason(Code.FILE_EMPTY))
    for begins, problem in OTHERS:
        if head.startswith(begins):
            raise FileProblem(problem)
    return head


def _narrow(rows: Iterator[Row]) -> Iterator[Row]:
    """Yield rows without blank cells beyond the last column."""
    for line, cells, problem in rows:
        if len(cells) > MOST_COLUMNS:
            cells = _without_end(cells)
            if len(cells) > MOST_COLUMNS:
                problem = problem or Reason(Code.MANY_CELLS, count=len(cells))
                cells = cells[:MOST_COLUMNS]
        yield line, cells, problem


def _without_end(cells: list[str]) -> list[str]:
    filled = max((n for n, cell in enumerate(cells, 1) if not is_blank(cell)), default=0)
    return cells[:filled]
