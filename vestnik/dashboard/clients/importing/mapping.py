"""The second step: the meaning of the columns, with a preview of the first rows."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.utils import translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from vestnik.audience.importing import stored
from vestnik.audience.importing.columns import header
from vestnik.audience.importing.columns.cell_text import column_name
from vestnik.audience.importing.columns.column_types import ColumnType, column_types
from vestnik.audience.importing.columns.header_row import Table, guess_table
from vestnik.audience.importing.errors import FileProblem
from vestnik.audience.importing.options import Options
from vestnik.audience.importing.peek import PREVIEWED, Peek, peek
from vestnik.audience.importing.run import staged_rows
from vestnik.audience.imports import Import, Into
from vestnik.audience.phone import gets_no_sms
from vestnik.dashboard.clients.importing.mapping_forms import (
    ATTRIBUTE,
    IGNORED,
    LONGEST_CELL,
    PREFIX,
    RECOGNISED,
    ColumnForm,
    FormatForm,
    NumbersForm,
    types_of,
)
from vestnik.dashboard.wording.reasons import said


@dataclass(frozen=True)
class PreviewLine:
    """A row of the file, its phone number, and why it would be refused."""

    number: int
    cells: Sequence[str]
    phone: str
    problem: str

    @property
    def gets_no_sms(self) -> bool:
        return bool(self.phone) and gets_no_sms(self.phone)


class Draft:
    """An uploaded file whose columns are being mapped."""

    def __init__(self, job: Import, data: QueryDict | None = None) -> None:
        self.job, self.problem = job, ""
        self.format = FormatForm(data, initial=job.options)
        self.options = _without_guesses({**job.options, **self.format.options()}, job.options)
        self.numbers = NumbersForm(data, job.options)
        self.options |= self.numbers.kept()
        self.peek = self._peek()
        self.format.show(self.peek)
        #: Whether the submitted page showed these columns, so that its choices apply to them.
        self.is_about_these = data is not None and (
            data.get("columns") == str(len(self._names))
            and data.get("read", self.read) == self.read
        )
        self.columns = self._columns(data)
        self.lines = self._lines()
        self.problem = self.problem or said(self.peek.problem)
        #: Whether that page had the same columns, so that only the rows below them are updated.
        self.is_same_head = data is not None and data.get("head") == self.head

    @property
    def is_csv(self) -> bool:
        return self.peek.kind == "csv"

    @property
    def has_sheets(self) -> bool:
        return len(self.peek.sheets) > 1

    @property
    def read(self) -> str:
        """The sheet and the header that the page shows."""
        return f"{self.peek.table.header_line} {self.options.get('sheet', '')}"

    @property
    def head(self) -> str:
        """A digest of everything above the rows."""
        titles = [column.title for column in self.columns]
        lines = [line for line, _, _ in self.peek.table.head]
        content = (titles, bool(self.lines), self.read, lines)
        return hashlib.sha256(repr(content).encode()).hexdigest()[:16]

    @property
    def kept(self) -> dict[str, Any]:
        """The options as they are stored with the import."""
        mapping_by_number = {
            str(n): column.stated_type() for n, column in enumerate(self.columns, start=1)
        }
        options = {**self.options, "mapping": mapping_by_number}
        if types := types_of(self.columns):
            options["types"] = types
        table = self.peek.table
        if table.head and (table.place != 0 or guess_table(table.head, {}) != 0):
            options["header_line"] = table.header_line
        return options

    def may_start(self) -> bool:
        """Return whether the file can be imported as submitted; if not, `problem` says why."""
        if not self.problem and not self.is_about_these:
            self.problem = str(
                _("The columns of the file have changed: check them, then start the import.")
            )
        self.problem = self.problem or " ".join(self._wrong())
        return not self.problem

    def _wrong(self) -> Iterator[str]:
        """Yield the problems of the submitted fields; an invalid choice is never replaced by a
        guess."""
        for one in (self.format, self.numbers):
            yield from (
                f"{one[name].label}: {' '.join(map(str, why))}" for name, why in one.errors.items()
            )
        for number, column in enumerate(self.columns, start=1):
            label = gettext("Column %(number)s") % {"number": number}
            for why in column.errors.values():
                yield f"{label}: {' '.join(map(str, why))}"

    def _peek(self) -> Peek:
        try:
            return self._peeked()
        except FileProblem as error:
            self.problem = said(error.reason)
            return Peek("csv", self.options["encoding"], self.options["separator"], Table([], None))

    def _peeked(self) -> Peek:
        """Read the first rows; forget a header line that does not exist any more."""
        options = Options(**{**self.options, "mapping": {}})
        try:
            return peek(stored.opened_in_place(self.job), options)
        except FileProblem:
            if options.header_line is None:
                raise
            del self.options["header_line"]
            return self._peeked()

    @property
    def _names(self) -> list[str]:
        names = [column_name(name) for name in self.peek.table.names]
        if self.peek.table.header is not None:
            return names
        return [gettext("Column %(number)s") % {"number": n} for n, _ in enumerate(names, start=1)]

    def _columns(self, data: QueryDict | None) -> list[ColumnForm]:
        """Return the forms of the columns, which may differ after a new reading."""
        names = self._names
        if not names:
            return []
        meanings = self._meanings(self.peek.table.names, data)
        types = self._types_of(meanings)
        return [
            ColumnForm(
                name,
                self.job.into,
                recognised=types[n - 1].recognised,
                data=data if self.is_about_these else None,
                initial=_initial(meaning) | {"type": types[n - 1].chosen},
                prefix=f"column-{n}",
            )
            for n, (name, meaning) in enumerate(zip(names, meanings, strict=True), start=1)
        ]

    def _meanings(self, names: Sequence[str], data: QueryDict | None) -> list[str]:
        """Return the earlier choices, or guesses by headings and by the form of the numbers."""
        known = self.options["mapping"]
        if len(known) == len(names) and (data is None or self.is_about_these):
            return [known[str(n)] for n in range(1, len(names) + 1)]
        meanings = [_guess(n, name, self.job.into) for n, name in enumerate(names, start=1)]
        if header.PHONE not in meanings:
            most = max(range(len(names)), key=self.peek.numbers_in)
            if self.peek.numbers_in(most):
                meanings[most] = header.PHONE
        return meanings

    def _types_of(self, meanings: Sequence[str]) -> list["DisplayedType"]:
        """Return by column the recognised type, and the chosen or declared one."""
        if self.job.into != Into.CLIENTS:
            return [DisplayedType() for _ in meanings]
        types = column_types(self.peek.table, meanings, Options())
        chosen_types = self.options.get("types", {})
        return [_displayed_type(meaning, types, chosen_types) for meaning in meanings]

    def _lines(self) -> list[PreviewLine]:
        if self.problem:
            return []
        table = self.peek.table
        try:
            # Reasons are created in English, and translated below.
            with translation.override("en"):
                staged = list(staged_rows(table, Options(**self.kept), self.job.into))
        except FileProblem as error:
            self.problem = said(error.reason)
            return [
                PreviewLine(n, _short(cells), "", "") for n, cells, _why in table.first[:PREVIEWED]
            ]
        cells = {line: cells for line, cells, _why in table.first}
        return [
            PreviewLine(line, _short(cells[line]), phone or "", said(problem) if problem else "")
            for line, phone, _code, _tag, _zone, _attributes, problem, *_ in staged[:PREVIEWED]
        ]


@dataclass(frozen=True)
class DisplayedType:
    """The recognised type of a column, and the chosen one."""

    recognised: str = ""
    chosen: str = ""


def _displayed_type(
    meaning: str, types: Mapping[str, ColumnType], chosen_types: Mapping[str, str]
) -> DisplayedType:
    name = meaning.removeprefix(PREFIX)
    type = types.get(name) if name != meaning else None
    if type and type.is_said:
        return DisplayedType(chosen=type.type)
    recognised = type.type if type else ""
    return DisplayedType(recognised, chosen_types.get(name, RECOGNISED if recognised else ""))


def _without_guesses(options: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """Return the options; the header line of another sheet is dropped."""
    if options.get("sheet", "") != before.get("sheet", ""):
        options.pop("header_line", None)
    if not options.get("sheet"):
        options.pop("sheet", None)
    return options


def _guess(number: int, name: str, into: str) -> str:
    try:
        return header.meaning(number, name, {}, header.FIELDS[into])
    except FileProblem:
        return IGNORED


def _initial(meaning: str) -> dict[str, str]:
    if meaning.startswith(PREFIX):
        return {"meaning": ATTRIBUTE, "name": meaning.removeprefix(PREFIX)}
    return {"meaning": meaning, "name": ""}


def _short(cells: Sequence[str]) -> list[str]:
    return [cell if len(cell) <= LONGEST_CELL else f"{cell[:LONGEST_CELL]}…" for cell in cells]
