"""The second step: what the columns are, with the first rows as they would be taken."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.http import QueryDict
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from vestnik.audience.attribute_types import Type
from vestnik.audience.importing import exact_values, header, stored
from vestnik.audience.importing.column_types import column_types, type_of
from vestnik.audience.importing.errors import FileProblem
from vestnik.audience.importing.header_row import NO_HEADER, Table, guessed
from vestnik.audience.importing.options import Options
from vestnik.audience.importing.peek import Peek, peek
from vestnik.audience.importing.run import staged_rows
from vestnik.audience.importing.texts import column_name
from vestnik.audience.imports import Import, Into
from vestnik.audience.phone import ACCEPT, COMPLETE, REFUSE, gets_no_sms
from vestnik.dashboard.clients.reasons import FIELDS, said
from vestnik.one_line import unless_untouched

IGNORED, ATTRIBUTE = "", "attribute"
PREFIX = "attributes."
LONGEST_CELL = 60
MOST_HEADER_LINES = 20
ENCODINGS = (
    ("utf-8", "UTF-8"),
    ("cp1251", "Windows-1251"),
    ("utf-16", "UTF-16"),
    ("cp866", "CP866 (DOS)"),
    ("koi8-r", "KOI8-R"),
    ("mac-cyrillic", "Mac Cyrillic"),
)
SEPARATORS: tuple[tuple[str, str | Promise], ...] = (
    (",", _("comma")),
    (";", _("semicolon")),
    ("\t", _("tab")),
    ("|", _("vertical line")),
)


class FormatForm(forms.Form):
    """How a file is to be read: what of it a CSV file needs, and what a workbook."""

    use_required_attribute = False

    encoding = forms.ChoiceField(required=False, choices=ENCODINGS, label=_("Encoding"))
    separator = forms.ChoiceField(required=False, label=_("Separator"))
    sheet = forms.CharField(
        required=False, max_length=255, label=_("Sheet"), widget=forms.Select, strip=False
    )
    header_line = forms.IntegerField(
        required=False, min_value=0, max_value=2**20, label=_("Header"), widget=forms.Select
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        separator: Any = self.fields["separator"]
        found = self.initial.get("separator", "")
        odd = [] if found in dict(SEPARATORS) else [(found, found)]
        separator.choices = [*SEPARATORS, *odd]

    def given(self) -> dict[str, Any]:
        """What was chosen; a file of another kind has no such choice."""
        if not self.is_bound or not self.is_valid():
            return {}
        return {
            name: value
            for name, value in self.cleaned_data.items()
            if name in self.data and (name == "sheet" or value not in ("", None))
        }

    def show(self, peek: Peek) -> None:
        """Offer the sheets and the lines that the file has, and mark those that are read."""
        widgets: Any = {name: self.fields[name].widget for name in ("sheet", "header_line")}
        widgets["sheet"].choices = list(_sheets(peek))
        widgets["header_line"].choices = list(_header_lines(peek))
        widgets["sheet"].attrs.pop("maxlength", None)
        for one in self.fields.values():  # each has a choice already
            one.required = True
        self.initial["header_line"] = peek.table.header_line
        if isinstance(self.data, QueryDict):
            self.data = self.data.copy()
            self.data["header_line"] = str(peek.table.header_line)


def _sheets(peek: Peek) -> Iterator[tuple[str, str]]:
    """The first choice is what is read where nobody chooses."""
    read = [sheet.name for sheet in peek.sheets if sheet.is_read]
    yield "", ", ".join(read) if read and not peek.problem else gettext("choose a sheet")
    for sheet in peek.sheets:
        yield sheet.name, (
            gettext("%(sheet)s (hidden)") % {"sheet": sheet.name} if sheet.is_hidden else sheet.name
        )


def _header_lines(peek: Peek) -> Iterator[tuple[int, str]]:
    yield NO_HEADER, gettext("none: the first row is a client already")
    for line, cells, _problem in peek.table.head[:MOST_HEADER_LINES]:
        shown = ", ".join(filter(None, map(column_name, cells)))
        text = shown if len(shown) <= LONGEST_CELL else f"{shown[:LONGEST_CELL]}…"
        yield line, gettext("line %(line)s: %(cells)s") % {"line": line, "cells": text}


class NumbersForm(forms.Form):
    """Which numbers are taken."""

    numbers_without_code = forms.ChoiceField(
        choices=[
            (COMPLETE, _("complete where the number is certain")),
            (REFUSE, _("refuse")),
        ],
        required=False,
        label=_("Numbers without +7"),
    )
    numbers_without_sms = forms.ChoiceField(
        choices=[(ACCEPT, _("keep, and never send to them")), (REFUSE, _("refuse"))],
        required=False,
        label=_("Landline and toll-free numbers"),
    )

    def __init__(self, data: QueryDict | None, options: dict[str, Any]) -> None:
        usual = {"numbers_without_sms": settings.NUMBERS_WITHOUT_SMS}
        super().__init__(data, initial=usual | options)

    def kept(self) -> dict[str, str]:
        """What was chosen."""
        given = self.cleaned_data if self.is_bound and self.is_valid() else {}
        return {name: value for name, value in given.items() if value}


class ColumnForm(forms.Form):
    """What a column is."""

    meaning = forms.ChoiceField(required=False, label=_("What it is"))
    name = forms.CharField(
        required=False,
        max_length=header.LONGEST_NAME,
        strip=False,
        label=_("Name of the attribute"),
    )

    type = forms.ChoiceField(
        required=False,
        choices=[("", _("each by itself")), *Type.choices],
        label=_("Type of the values"),
    )

    def __init__(self, title: str, into: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.title = title
        meaning: Any = self.fields["meaning"]
        exact = [(exact_values.COLUMN, _("exact values of an export"))]
        is_exact = self.initial.get("meaning") == exact_values.COLUMN
        # Set as a whole: the field and its widget each have a list of their own.
        meaning.choices = [*_choices(into), *(exact if is_exact else ())]

    def clean_name(self) -> str:
        return unless_untouched(self.cleaned_data["name"], self.initial.get("name") or "")

    def said(self) -> str:
        """As the mapping of an import has it; what is no choice is left out."""
        given = self.cleaned_data if self.is_bound and self.is_valid() else self.initial
        if given.get("meaning") != ATTRIBUTE:
            return str(given.get("meaning", IGNORED))
        is_nameless = self.initial.get("meaning") == ATTRIBUTE and self.initial.get("name") == ""
        usual = "" if is_nameless else self.title[: header.LONGEST_NAME]
        return PREFIX + (given.get("name") or usual)

    def chosen_type(self) -> str:
        """What was chosen; until then what the first rows are."""
        given = self.cleaned_data if self.is_bound and self.is_valid() else self.initial
        return str(given.get("type", ""))


def _types(columns: Sequence[ColumnForm]) -> dict[str, str]:
    """The types of the columns that become attributes."""
    meanings = ((column.said(), column.chosen_type()) for column in columns)
    return {
        meaning.removeprefix(PREFIX): type
        for meaning, type in meanings
        if meaning.startswith(PREFIX)
    }


def _choices(into: str) -> Iterator[tuple[str, Any]]:
    yield IGNORED, _("leave out")
    for field in header.FIELDS[into]:
        yield field, FIELDS[field]
    if into == Into.CLIENTS:
        yield ATTRIBUTE, _("attribute")


@dataclass(frozen=True)
class Line:
    """A row of the file, the number that it gives, and why it would be refused."""

    number: int
    cells: Sequence[str]
    phone: str
    problem: str

    @property
    def gets_no_sms(self) -> bool:
        return bool(self.phone) and gets_no_sms(self.phone)


class Draft:
    """A file whose columns are being named."""

    def __init__(self, job: Import, data: QueryDict | None = None) -> None:
        self.job, self.problem = job, ""
        self.format = FormatForm(data, initial=job.options)
        self.options = _without_guesses({**job.options, **self.format.given()}, job.options)
        self.numbers = NumbersForm(data, job.options)
        self.options |= self.numbers.kept()
        self.peek = self._peek()
        self.format.show(self.peek)
        #: Whether the page that was sent showed these columns: what it says is about them.
        self.is_about_these = data is not None and (
            data.get("columns") == str(len(self._names))
            and data.get("read", self.read) == self.read
        )
        self.columns = self._columns(data)
        self.lines = self._lines()
        self.problem = self.problem or said(self.peek.problem)
        #: Whether that page had the same ones, so that only the rows below them are new.
        self.is_same_head = data is not None and data.get("head") == self.head

    @property
    def is_csv(self) -> bool:
        return self.peek.kind == "csv"

    @property
    def has_sheets(self) -> bool:
        return len(self.peek.sheets) > 1

    @property
    def read(self) -> str:
        """Which sheet and which header the page shows."""
        return f"{self.peek.table.header_line} {self.options.get('sheet', '')}"

    @property
    def head(self) -> str:
        """Tells apart what stands above the rows."""
        titles = [column.title for column in self.columns]
        lines = [line for line, _, _ in self.peek.table.head]
        shown = (titles, bool(self.lines), self.read, lines)
        return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]

    @property
    def kept(self) -> dict[str, Any]:
        """The options as they are kept with the import."""
        said = {str(n): column.said() for n, column in enumerate(self.columns, start=1)}
        kept = {**self.options, "mapping": said}
        if types := _types(self.columns):
            kept["types"] = types
        table = self.peek.table
        if table.head and (table.place != 0 or guessed(table.head, {}) != 0):
            kept["header_line"] = table.header_line
        return kept

    def may_start(self) -> bool:
        """Whether it can be read as the page that was sent says; `problem` tells why not."""
        if not self.problem and not self.is_about_these:
            self.problem = str(_("The file has other columns now: look at them, then start it."))
        self.problem = self.problem or " ".join(self._wrong())
        return not self.problem

    def _wrong(self) -> Iterator[str]:
        """What of the page cannot be read: what is shown there is never taken for a guess."""
        for one in (self.format, self.numbers):
            yield from (
                f"{one[name].label}: {' '.join(map(str, why))}" for name, why in one.errors.items()
            )
        for number, column in enumerate(self.columns, start=1):
            named = gettext("Column %(number)s") % {"number": number}
            for why in column.errors.values():
                yield f"{named}: {' '.join(map(str, why))}"

    def _peek(self) -> Peek:
        try:
            return self._peeked()
        except FileProblem as error:
            self.problem = said(str(error))
            return Peek("csv", self.options["encoding"], self.options["separator"], Table([], None))

    def _peeked(self) -> Peek:
        """A line that is the header no longer, read otherwise, is forgotten."""
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
        """Read anew, other columns may have come."""
        names = self._names
        if not names:
            return []
        meanings = self._meanings(self.peek.table.names, data)
        types = self._found_types(meanings)
        return [
            ColumnForm(
                name,
                self.job.into,
                data=data if self.is_about_these else None,
                initial=_initial(meaning) | {"type": types.get(meaning, "")},
                prefix=f"column-{n}",
            )
            for n, (name, meaning) in enumerate(zip(names, meanings, strict=True), start=1)
        ]

    def _meanings(self, names: Sequence[str], data: QueryDict | None) -> list[str]:
        """What was said before, or what the names say; the number may be known by its form."""
        known = self.options["mapping"]
        if len(known) == len(names) and (data is None or self.is_about_these):
            return [known[str(n)] for n in range(1, len(names) + 1)]
        meanings = [_guess(n, name, self.job.into) for n, name in enumerate(names, start=1)]
        if header.PHONE not in meanings:
            most = max(range(len(names)), key=self.peek.numbers_in)
            if self.peek.numbers_in(most):
                meanings[most] = header.PHONE
        return meanings

    def _found_types(self, meanings: Sequence[str]) -> dict[str, str]:
        """By column: declared, said before, or what the first rows are."""
        if self.job.into != Into.CLIENTS:
            return {}
        options = Options(types=self.options.get("types", {}))
        types = column_types(self.peek.table, meanings, options)
        return {meaning: type_of(meaning, types) for meaning in meanings}

    def _lines(self) -> list[Line]:
        if self.problem:
            return []
        table = self.peek.table
        try:
            # The reasons are made in English, and said in the reader's language here.
            with translation.override("en"):
                staged = list(staged_rows(table, Options(**self.kept), self.job.into))
        except FileProblem as error:
            self.problem = said(str(error))
            return [Line(n, _short(cells), "", "") for n, cells, _why in table.first]
        cells = {line: cells for line, cells, _why in table.first}
        return [
            Line(line, _short(cells[line]), phone or "", said(problem) if problem else "")
            for line, phone, _code, _tag, _zone, _attributes, problem, *_ in staged
        ]


def _without_guesses(options: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """Another sheet has its header elsewhere."""
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
