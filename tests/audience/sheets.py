"""XLSX files as Excel writes them: the texts shared, the numbers as numbers."""

import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO
from xml.sax.saxutils import escape

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
BOOK = (
    f'{HEAD}<workbook xmlns="{MAIN}" xmlns:r="{LINKS}"><sheets>'
    '<sheet name="Лист1" sheetId="1" r:id="rId1"/></sheets></workbook>'
)
RELATIONS = (
    f'{HEAD}<Relationships xmlns="{PACKAGE}"><Relationship Id="rId1" '
    f'Type="{LINKS}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>'
)
STYLES = (
    f'{HEAD}<styleSheet xmlns="{MAIN}"><numFmts><numFmt numFmtId="164" formatCode="dd.mm.yyyy"/>'
    '</numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="164"/></cellXfs></styleSheet>'
)


class Day(int):
    """A number of days that is shown as a date."""


def write(target: Path | IO[bytes], rows: Iterable[Sequence[object]]) -> None:
    """A workbook of one sheet, its rows written as they come."""
    shared: dict[str, int] = {}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("xl/workbook.xml", BOOK)
        archive.writestr("xl/_rels/workbook.xml.rels", RELATIONS)
        archive.writestr("xl/styles.xml", STYLES)
        with archive.open("xl/worksheets/sheet1.xml", "w") as sheet:
            sheet.write(f'{HEAD}<worksheet xmlns="{MAIN}"><sheetData>'.encode())
            for line, row in enumerate(rows, start=1):
                cells = "".join(_cell(n, line, value, shared) for n, value in enumerate(row))
                sheet.write(f'<row r="{line}">{cells}</row>'.encode())
            sheet.write(b"</sheetData></worksheet>")
        with archive.open("xl/sharedStrings.xml", "w") as strings:
            strings.write(f'{HEAD}<sst xmlns="{MAIN}">'.encode())
            for text in shared:
                strings.write(f"<si><t>{escape(text)}</t></si>".encode())
            strings.write(b"</sst>")


def _cell(column: int, line: int, value: object, shared: dict[str, int]) -> str:
    place = f'r="{chr(65 + column)}{line}"'
    if value is None or value == "":
        return ""
    if isinstance(value, Day):
        return f'<c {place} s="1"><v>{int(value)}</v></c>'
    if isinstance(value, str):
        return f'<c {place} t="s"><v>{shared.setdefault(value, len(shared))}</v></c>'
    return f"<c {place}><v>{value}</v></c>"


def write_parts(target: Path | IO[bytes], **parts: bytes | str) -> None:
    """A workbook of which some parts (`sheet`, `strings`, `styles`, `book`) are as given."""
    names = {
        "sheet": "xl/worksheets/sheet1.xml",
        "strings": "xl/sharedStrings.xml",
        "styles": "xl/styles.xml",
    }
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", parts.pop("book", BOOK))
        archive.writestr("xl/_rels/workbook.xml.rels", RELATIONS)
        for name, content in parts.items():
            archive.writestr(names[name], content)
