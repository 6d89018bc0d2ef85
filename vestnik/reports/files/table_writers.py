"""Writes tables of any length as CSV and XLSX, in constant memory."""

import csv
import io
import re
import zipfile
from collections.abc import Generator, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from vestnik.audience.importing.csv.csv_escape import written

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

Cell = object
Table = Iterable[Sequence[Cell]]

#: Rows formatted at once.
ROWS_AT_ONCE = 500
#: The rows of a sheet and the characters of a cell, by Excel's limits. Further rows go to another
#: sheet.
ROWS_OF_A_SHEET = 1_048_576
LONGEST_CELL = 32_767
#: Characters that XML cannot represent.
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
#: The beginning of what readers of XLSX take for an escaped character: `_x0041_`.
ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
KINDS = "application/vnd.openxmlformats-officedocument.spreadsheetml"
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
SHEET = f'{HEAD}<worksheet xmlns="{MAIN}"><sheetData>'
END_OF_SHEET = "</sheetData></worksheet>"


def format_cell(value: Cell) -> str:
    """Format a value as text that no spreadsheet takes for a formula; instants are in UTC."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return written(value)


def as_csv(table: Table) -> Iterator[bytes]:
    """Yield CSV with a byte order mark and `;`, as the Russian Excel reads UTF-8 and columns."""
    rows = iter(table)
    yield b"\xef\xbb\xbf"
    while some := list(islice(rows, ROWS_AT_ONCE)):
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=";").writerows([*map(format_cell, row)] for row in some)
        yield text.getvalue().encode()


class _ChunkBuffer(io.RawIOBase):
    """A file that the archive writes to, which cannot be sought; `take` empties it."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: "ReadableBuffer") -> int:
        piece = bytes(data)
        self._waiting += piece
        return len(piece)

    def take(self) -> bytes:
        taken = bytes(self._waiting)
        self._waiting.clear()
        return taken


def as_xlsx(table: Table) -> Iterator[bytes]:
    """Yield a workbook.

    Texts are in the cells and not in a table of shared strings, which would have to be kept in
    memory. Each further sheet repeats the header, so that it can be read on its own.
    """
    outbox, rows, sheets = _ChunkBuffer(), iter(table), 0
    head = list(islice(rows, 1))
    with zipfile.ZipFile(outbox, "w", zipfile.ZIP_DEFLATED) as archive:
        more = True
        while more:
            sheets += 1
            more = yield from _sheet(archive, sheets, head, rows, outbox)
        for name, content in _book(sheets).items():
            archive.writestr(name, content)
    yield outbox.take()


def _sheet(
    archive: zipfile.ZipFile,
    number: int,
    head: list[Sequence[Cell]],
    rows: Iterator[Sequence[Cell]],
    outbox: _ChunkBuffer,
) -> Generator[bytes, None, bool]:
    """Write one sheet; return whether rows are left for another one."""
    left = ROWS_OF_A_SHEET - len(head)
    with archive.open(f"xl/worksheets/sheet{number}.xml", "w", force_zip64=True) as part:
        part.write((SHEET + "".join(map(_row, head))).encode())
        while left and (some := list(islice(rows, min(left, ROWS_AT_ONCE)))):
            left -= len(some)
            part.write("".join(map(_row, some)).encode())
            yield outbox.take()
        part.write(END_OF_SHEET.encode())
    return not left


def _row(row: Sequence[Cell]) -> str:
    return f"<row>{''.join(map(_cell, row))}</row>"


def _cell(value: Cell) -> str:
    if value is None or value == "":
        return "<c/>"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"<c><v>{value}</v></c>"
    text = escape(
        CONTROL.sub("\ufffd", ESCAPE.sub(r"_x005F\g<0>", format_cell(value)[:LONGEST_CELL]))
    )
    return f'<c t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def _book(sheets: int) -> dict[str, str]:
    """Return the parts of a workbook except its sheets."""
    numbers = range(1, sheets + 1)
    parts = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{KINDS}.worksheet+xml"/>'
        for n in numbers
    )
    names = "".join(f'<sheet name="Sheet{n}" sheetId="{n}" r:id="r{n}"/>' for n in numbers)
    links = "".join(_link(f"r{n}", "worksheet", f"worksheets/sheet{n}.xml") for n in numbers)
    return {
        "[Content_Types].xml": (
            f'{HEAD}<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{KINDS}.sheet.main+xml"/>'
            f"{parts}</Types>"
        ),
        "_rels/.rels": _links(_link("r1", "officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": (
            f'{HEAD}<workbook xmlns="{MAIN}" xmlns:r="{LINKS}"><sheets>{names}</sheets></workbook>'
        ),
        "xl/_rels/workbook.xml.rels": _links(links),
    }


def _links(links: str) -> str:
    return f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships">{links}</Relationships>'


def _link(name: str, kind: str, target: str) -> str:
    return f'<Relationship Id="{name}" Type="{LINKS}/{kind}" Target="{target}"/>'
