"""Workbooks of four spreadsheet libraries, cell by cell as two independent readers have them."""

import datetime
import re
import warnings
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
import python_calamine

from vestnik.audience.importing.row_types import Progress
from vestnik.audience.importing.xlsx import shown_values, workbook

FILES = Path(__file__).parents[1] / "files" / "workbooks"
NAMES = sorted(path.name for path in FILES.glob("*.xlsx"))
CLOCK = re.compile(r"([0-9]+):([0-9]{2})(?::([0-9]{2}))?")

Cells = dict[tuple[str, int, int], str]

#: Where we differ on purpose: a file ("" for all), a reader ("" for both), and what differs.
ON_PURPOSE: list[tuple[str, str, str, Callable[[str, str], bool]]] = [
    ("", "calamine", "an error has its name", lambda ours, _: ours.startswith("#")),
    ("", "calamine", "blanks at the ends stay", lambda ours, other: ours.strip() == other.strip()),
    (
        "",
        "openpyxl",
        "`_x000D_` is a line break",
        lambda ours, other: ours == other.replace("_x000D_", "").replace("\r", ""),
    ),
    (
        "closedxml-CellsWithDateTimeDataTypeOrFormatting.xlsx",
        "",
        "a format without hours shows the day alone",
        lambda ours, other: len(ours) == 10 and other.startswith(f"{ours}T"),
    ),
    (
        "closedxml-CellsWithTimeSpanDataTypeOrFormatting.xlsx",
        "",
        "a format without seconds shows none",
        lambda ours, other: 0 <= int(other[:-1]) - int(_seconds(ours)[:-1]) < 60,
    ),
    (
        "closedxml-CellValues.xlsx",
        "",
        "a duration is a text where it is stored as one",
        lambda ours, other: ours == other,
    ),
]
#: What the readers do not open, or only in part, and we read.
NOT_OPENED = {
    ("calamine-empty_s_attribute.xlsx", "openpyxl"),
    ("calamine-issue_419.xlsx", "openpyxl"),
    ("calamine-minimal_package.xlsx", "openpyxl"),
    ("calamine-strict_iso_paths.xlsx", "openpyxl"),
    ("closedxml-SheetsWithoutRelId.xlsx", "calamine"),
}


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).upper()
        case int() | float():
            return shown_values.number(repr(value))
        case datetime.datetime():
            at = (value + datetime.timedelta(microseconds=500_000)).replace(microsecond=0)
            return at.isoformat() if at.time() != datetime.time() else at.date().isoformat()
        case datetime.date():
            return value.isoformat()
        case datetime.time():
            return f"{value.hour * 3600 + value.minute * 60 + value.second}s"
        case datetime.timedelta():
            return f"{round(value.total_seconds())}s"
    return str(value).replace("\r\n", "\n")


def _seconds(ours: str) -> str:
    """A time as the other readers' are compared."""
    match = CLOCK.fullmatch(ours)
    hours, minutes, seconds = match.groups() if match else ("", "", "")
    return f"{int(hours) * 3600 + int(minutes) * 60 + int(seconds or 0)}s" if match else ours


def _filled(cells: Cells) -> Cells:
    return {place: text for place, text in cells.items() if text.strip()}


def ours(path: Path) -> Cells:
    with path.open("rb") as file:
        book = workbook.Workbook(file)
        return _filled(
            {
                (sheet.name, line, n): text
                for sheet in book.sheets
                for line, cells, _ in book.rows(sheet, Progress())
                for n, text in enumerate(cells, 1)
            }
        )


def by_openpyxl(path: Path) -> Cells:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        book = openpyxl.load_workbook(path, data_only=True)
    return _filled(
        {
            (sheet.title, cell.row, cell.column): _text(cell.value)
            for sheet in book.worksheets
            for cell in sheet._cells.values()
        }
    )


def by_calamine(path: Path) -> Cells:
    book, found = python_calamine.CalamineWorkbook.from_path(str(path)), {}
    for about in book.sheets_metadata:
        if about.typ == python_calamine.SheetTypeEnum.WorkSheet:
            sheet = book.get_sheet_by_name(about.name)
            top, left = sheet.start or (0, 0)
            for line, row in enumerate(sheet.to_python(skip_empty_area=True), top + 1):
                for n, value in enumerate(row, left + 1):
                    found[about.name, line, n] = _text(value)
    return _filled(found)


READERS = {"openpyxl": by_openpyxl, "calamine": by_calamine}


def _is_meant(name: str, reader: str, ours: str, other: str) -> bool:
    return any(
        file in ("", name) and who in ("", reader) and is_it(ours, other)
        for file, who, _, is_it in ON_PURPOSE
    )


@pytest.mark.parametrize("name", NAMES)
def test_each_cell_is_what_two_other_readers_read(name: str):
    found = ours(FILES / name)
    assert found or "empty" in name.lower() or "Blank" in name
    for reader, read in READERS.items():
        if (name, reader) in NOT_OPENED:
            continue
        others = read(FILES / name)
        for place in found.keys() | others.keys():
            here, there = found.get(place, ""), others.get(place, "")
            assert _seconds(here) == there or _is_meant(name, reader, here, there), (reader, place)


def test_there_are_files_of_four_libraries_and_little_of_them():
    assert {name.split("-")[0] for name in NAMES} == {
        "calamine",
        "closedxml",
        "excelize",
        "xlsxwriter",
    }
    assert sum((FILES / name).stat().st_size for name in NAMES) < 2**20
