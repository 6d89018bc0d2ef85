"""Reads the rows of a sheet of an XLSX file as a stream.

openpyxl took 104 s for a million rows, and python-calamine 410 MB of memory.
"""

import re

from vestnik.audience.importing.columns.cell_text import are_blank, is_blank
from vestnik.audience.importing.errors import FileProblem
from vestnik.audience.importing.row_types import MOST_COLUMNS, Row, index_in
from vestnik.audience.importing.xlsx import shared_strings, shown_values, xlsx_archive
from vestnik.audience.importing.xlsx.styles import Styles
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

#: The last row of a sheet in Excel.
LAST_LINE = 1_048_576
#: Characters of a cell; Excel allows 32,767.
LONGEST_CELL = 64 * 1024
#: A cell reference such as AB12.
PLACE = re.compile(r"([A-Za-z]{1,3})[0-9]{1,10}", re.ASCII)
TOO_FAR = Reason(Code.BEYOND_LAST_LINE, line=f"{LAST_LINE:,}")
#: Excel stores flags as 1 and 0, and shows words.
BOOLEANS = {"1": "TRUE", "true": "TRUE", "0": "FALSE", "false": "FALSE"}


class SheetReader:
    """Handles the parser's events, and collects complete rows."""

    def __init__(
        self, shared: shared_strings.SharedStrings, styles: Styles, from_1904: bool
    ) -> None:
        self._shared, self._styles, self._from_1904 = shared, styles, from_1904
        self._done: list[Row] = []
        self._cells: list[str] = []
        self._line = self._column = self._length = 0
        self._kind = self._style = ""
        self._value: list[str] = []
        self._inline: list[str] = []
        self._into: list[str] | None = None
        self._in_inline = self._in_hint = False

    def take_rows(self) -> list[Row]:
        rows, self._done = self._done, []
        return rows

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            self._start_cell(attributes)
        elif name == "v":
            self._into = self._value
        elif name == "t":
            self._into = self._inline if self._in_inline and not self._in_hint else None
        elif name == "row":
            self._start_row(attributes.get("r", ""))
        else:
            self._start_inline(name)

    def _start_inline(self, name: str) -> None:
        if name == "is":
            self._in_inline = True
        elif name == "rPh":
            self._in_hint = True

    def _start_row(self, written: str) -> None:
        before, numbered = self._line, index_in(written)
        self._line = before + 1 if numbered is None else numbered
        if self._line > LAST_LINE:
            raise FileProblem(TOO_FAR)
        # Lines must ascend; a damaged file could otherwise overwrite earlier rows.
        if self._line <= before:
            raise FileProblem(xlsx_archive.BROKEN)
        self._cells, self._column = [], 0

    def _start_cell(self, attributes: dict[str, str]) -> None:
        place = PLACE.fullmatch(attributes.get("r", ""))
        self._column = _number_of(place[1].upper()) if place else self._column + 1
        self._kind, self._style = attributes.get("t", "n"), attributes.get("s", "")
        self._value, self._inline, self._length = [], [], 0

    def text(self, text: str) -> None:
        if self._into is not None:
            self._length += len(text)
            if self._length > LONGEST_CELL:
                raise FileProblem(Reason(Code.CELL_TOO_LONG, line=self._line))
            self._into.append(text)

    def end(self, name: str) -> None:
        if name == "c":
            self._end_cell()
        elif name == "v" or name == "t":
            self._into = None
        elif name == "row":
            if not are_blank(self._cells):
                self._done.append((self._line, self._cells, ""))
        elif name == "is":
            self._in_inline = False
        elif name == "rPh":
            self._in_hint = False

    def _end_cell(self) -> None:
        if not self._value and not self._inline:
            return
        text = self._shown()
        if self._column > MOST_COLUMNS:
            if is_blank(text):
                return
            raise FileProblem(Reason(Code.TOO_MANY_COLUMNS, line=self._line, most=MOST_COLUMNS))
        missing = self._column - 1 - len(self._cells)
        # Cells of a row must ascend, too.
        if missing < 0:
            raise FileProblem(xlsx_archive.BROKEN)
        self._cells += [""] * missing
        self._cells.append(text)

    def _shown(self) -> str:
        """Return what Excel shows; of a cell with a value and an inline text, the type decides."""
        if self._inline and (self._kind == "inlineStr" or not self._value):
            return shared_strings.unescaped("".join(self._inline))
        value = "".join(self._value)
        match self._kind:
            case "s":
                number = index_in(value)
                return self._shared[-1 if number is None else number]
            case "n":
                return self._number(value)
            case "b":
                return BOOLEANS.get(value.strip().lower(), value)
            case "d":
                return shown_values.instant(value, self._styles.shown(index_in(self._style)))
        return shared_strings.unescaped(value)

    def _number(self, written: str) -> str:
        form = self._styles.shown(index_in(self._style)) if self._style else None
        if form is None:
            return shown_values.number(written)
        return shown_values.shown(written, form, self._from_1904)


def _number_of(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number
