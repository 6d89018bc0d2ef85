"""The second step: what the columns are, with the first rows as they would be taken."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from vestnik.audience.importing import header, stored
from vestnik.audience.importing.errors import FileProblem
from vestnik.audience.importing.formats import Options
from vestnik.audience.importing.peek import Peek, peek
from vestnik.audience.importing.run import staged_rows
from vestnik.audience.imports import Import, Into
from vestnik.dashboard.clients.reasons import FIELDS, said

IGNORED, ATTRIBUTE = "", "attribute"
PREFIX = "attributes."
LONGEST_CELL = 60
ENCODINGS = (("utf-8", "UTF-8"), ("cp1251", "Windows-1251"), ("utf-16", "UTF-16"))
SEPARATORS: tuple[tuple[str, str | Promise], ...] = (
    (",", _("comma")),
    (";", _("semicolon")),
    ("\t", _("tab")),
    ("|", _("vertical line")),
)


class FormatForm(forms.Form):
    """How a CSV file is to be read."""

    encoding = forms.ChoiceField(choices=ENCODINGS, label=_("Encoding"))
    separator = forms.ChoiceField(label=_("Separator"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        separator: Any = self.fields["separator"]
        found = self.initial.get("separator", "")
        odd = [] if found in dict(SEPARATORS) else [(found, found)]
        separator.choices = [*SEPARATORS, *odd]


class ColumnForm(forms.Form):
    """What a column is."""

    meaning = forms.ChoiceField(required=False, label=_("What it is"))
    name = forms.CharField(
        required=False, max_length=header.LONGEST_NAME, label=_("Name of the attribute")
    )

    def __init__(self, title: str, into: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.title = title
        meaning: Any = self.fields["meaning"]
        meaning.choices = list(_choices(into))

    def said(self) -> str:
        """As the mapping of an import has it; what is no choice is left out."""
        given = self.cleaned_data if self.is_bound and self.is_valid() else self.initial
        if given.get("meaning") != ATTRIBUTE:
            return str(given.get("meaning", IGNORED))
        return PREFIX + (given.get("name") or self.title[: header.LONGEST_NAME])


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


class Draft:
    """A file whose columns are being named."""

    def __init__(self, job: Import, data: QueryDict | None = None) -> None:
        self.job, self.problem = job, ""
        self.format = FormatForm(data, initial=job.options)
        self.options = dict(job.options)
        if data is not None and self.format.is_valid():
            self.options |= self.format.cleaned_data
        self.peek = self._peek()
        #: Whether the page that was sent had as many columns: what it says is about these.
        self.is_about_these = data is not None and data.get("columns") == str(len(self._names))
        self.columns = self._columns(data)
        self.lines = self._lines()
        #: Whether that page had the same ones, so that only the rows below them are new.
        self.is_same_head = data is not None and data.get("head") == self.head

    @property
    def is_csv(self) -> bool:
        return self.peek.kind == "csv"

    @property
    def head(self) -> str:
        """Tells apart what stands above the rows."""
        shown = ([column.title for column in self.columns], bool(self.lines))
        return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]

    @property
    def kept(self) -> dict[str, Any]:
        """The options as they are kept with the import."""
        said = {str(n): column.said() for n, column in enumerate(self.columns, start=1)}
        return {**self.options, "mapping": said}

    def may_start(self) -> bool:
        """Whether it can be read as the page that was sent says; `problem` tells why not."""
        if not self.problem and not self.is_about_these:
            self.problem = str(_("The file has other columns now: look at them, then start it."))
        return not self.problem

    def _peek(self) -> Peek:
        options = Options(self.options["encoding"], self.options["separator"])
        try:
            return peek(stored.opened_in_place(self.job), options)
        except FileProblem as error:
            self.problem = said(str(error))
            return Peek("csv", options.encoding, options.separator, [])

    @property
    def _names(self) -> list[str]:
        """None where the file is a bare list of numbers."""
        if self.peek.is_bare:
            return []
        return [name.strip().lstrip("\ufeff") for name in self.peek.header]

    def _columns(self, data: QueryDict | None) -> list[ColumnForm]:
        """Read anew, other columns may have come."""
        names = self._names
        if not names:
            return []
        meanings = self._meanings(names)
        return [
            ColumnForm(
                name,
                self.job.into,
                data=data if self.is_about_these else None,
                initial=_initial(meaning),
                prefix=f"column-{n}",
            )
            for n, (name, meaning) in enumerate(zip(names, meanings, strict=True), start=1)
        ]

    def _meanings(self, names: Sequence[str]) -> list[str]:
        """What was said before, or what the names say; the number may be known by its form."""
        known = self.options["mapping"]
        if len(known) == len(names):
            return [known[str(n)] for n in range(1, len(names) + 1)]
        meanings = [_guess(n, name, self.job.into) for n, name in enumerate(names, start=1)]
        if header.PHONE not in meanings:
            most = max(range(len(names)), key=self.peek.numbers_in)
            if self.peek.numbers_in(most):
                meanings[most] = header.PHONE
        return meanings

    def _lines(self) -> list[Line]:
        if self.problem:
            return []
        try:
            # The reasons are made in English, and said in the reader's language here.
            with translation.override("en"):
                staged = list(
                    staged_rows(iter(self.peek.rows), self.kept["mapping"], self.job.into)
                )
        except FileProblem as error:
            self.problem = said(str(error))
            return [Line(n, _short(cells), "", "") for n, cells, _why in self.peek.rows[1:]]
        cells = {line: cells for line, cells, _why in self.peek.rows}
        return [
            Line(line, _short(cells[line]), phone or "", said(problem) if problem else "")
            for line, phone, _code, _tag, _zone, _attributes, problem, _cells in staged
        ]


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
