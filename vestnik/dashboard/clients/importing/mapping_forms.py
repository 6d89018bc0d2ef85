"""The forms of the second step: the format, the accepted numbers, the columns."""

from collections.abc import Iterator, Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from vestnik.audience.attribute_types import Type
from vestnik.audience.importing.columns import exact_values, header
from vestnik.audience.importing.columns.cell_text import column_name
from vestnik.audience.importing.columns.header_row import NO_HEADER
from vestnik.audience.importing.peek import Peek
from vestnik.audience.imports import Into
from vestnik.audience.phone import ACCEPT, COMPLETE, REFUSE
from vestnik.dashboard.wording.reasons import COLUMNS as FIELDS
from vestnik.one_line import unless_untouched

IGNORED, ATTRIBUTE = "", "attribute"
#: The type of a column that the user has not chosen.
RECOGNISED = "recognised"
PREFIX = "attributes."
#: Characters of a cell in the preview.
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
    """The format of a file: the fields of a CSV file, and those of a workbook."""

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
        current = self.initial.get("separator", "")
        odd = [] if current in dict(SEPARATORS) else [(current, current)]
        separator.choices = [*SEPARATORS, *odd]

    def options(self) -> dict[str, Any]:
        """Return the choices; fields of the other format are not submitted."""
        if not self.is_bound or not self.is_valid():
            return {}
        return {
            name: value
            for name, value in self.cleaned_data.items()
            if name in self.data and (name == "sheet" or value not in ("", None))
        }

    def show(self, peek: Peek) -> None:
        """Offer the sheets and lines of the file, and select those that are read."""
        widgets: Any = {name: self.fields[name].widget for name in ("sheet", "header_line")}
        widgets["sheet"].choices = list(_sheets(peek))
        widgets["header_line"].choices = list(_header_lines(peek))
        widgets["sheet"].attrs.pop("maxlength", None)
        for one in self.fields.values():  # each has a selected choice
            one.required = True
        self.initial["header_line"] = peek.table.header_line
        if isinstance(self.data, QueryDict):
            self.data = self.data.copy()
            self.data["header_line"] = str(peek.table.header_line)


def _sheets(peek: Peek) -> Iterator[tuple[str, str]]:
    """Yield the choices; the first one is the automatic selection."""
    names = [sheet.name for sheet in peek.sheets if sheet.is_read]
    yield "", ", ".join(names) if names and not peek.problem else gettext("choose a sheet")
    for sheet in peek.sheets:
        yield sheet.name, (
            gettext("%(sheet)s (hidden)") % {"sheet": sheet.name} if sheet.is_hidden else sheet.name
        )


def _header_lines(peek: Peek) -> Iterator[tuple[int, str]]:
    yield NO_HEADER, gettext("none: the first row is a client")
    for line, cells, _problem in peek.table.head[:MOST_HEADER_LINES]:
        headings = ", ".join(filter(None, map(column_name, cells)))
        text = headings if len(headings) <= LONGEST_CELL else f"{headings[:LONGEST_CELL]}…"
        yield line, gettext("line %(line)s: %(cells)s") % {"line": line, "cells": text}


class NumbersForm(forms.Form):
    """Which numbers are accepted."""

    numbers_without_code = forms.ChoiceField(
        choices=[
            (COMPLETE, _("complete if the number is unambiguous")),
            (REFUSE, _("refuse")),
        ],
        required=False,
        label=_("Numbers without +7"),
    )
    numbers_without_sms = forms.ChoiceField(
        choices=[(ACCEPT, _("accept, but never send to them")), (REFUSE, _("refuse"))],
        required=False,
        label=_("Landline and toll-free numbers"),
    )

    def __init__(self, data: QueryDict | None, options: dict[str, Any]) -> None:
        usual = {"numbers_without_sms": settings.NUMBERS_WITHOUT_SMS}
        super().__init__(data, initial=usual | options)

    def kept(self) -> dict[str, str]:
        """Return the choices."""
        choices = self.cleaned_data if self.is_bound and self.is_valid() else {}
        return {name: value for name, value in choices.items() if value}


class ColumnForm(forms.Form):
    """The meaning of a column."""

    meaning = forms.ChoiceField(required=False, label=_("What it is"))
    name = forms.CharField(
        required=False,
        max_length=header.LONGEST_NAME,
        strip=False,
        label=_("Name of the attribute"),
    )

    type = forms.CharField(
        required=False, label=_("Type of the values"), widget=forms.Select, strip=False
    )

    def __init__(self, title: str, into: str, recognised: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.title = title
        widget: Any = self.fields["type"].widget
        widget.choices = [*_recognised(recognised), ("", _("cell by cell")), *Type.choices]
        meaning: Any = self.fields["meaning"]
        exact = [(exact_values.COLUMN, _("exact values of an export"))]
        is_exact = self.initial.get("meaning") == exact_values.COLUMN
        # Assigned, not changed in place: the field and its widget have separate lists.
        meaning.choices = [*_choices(into), *(exact if is_exact else ())]

    def clean_name(self) -> str:
        return unless_untouched(self.cleaned_data["name"], self.initial.get("name") or "")

    def clean_type(self) -> str:
        type: str = self.cleaned_data["type"]
        if type not in ("", RECOGNISED, *Type.values):
            raise ValidationError(_("Choose one of the types."))
        return type

    def stated_type(self) -> str:
        """Return the meaning as an import's mapping has it; an invalid choice is ignored."""
        values = self.cleaned_data if self.is_bound and self.is_valid() else self.initial
        if values.get("meaning") != ATTRIBUTE:
            return str(values.get("meaning", IGNORED))
        is_nameless = self.initial.get("meaning") == ATTRIBUTE and self.initial.get("name") == ""
        usual = "" if is_nameless else self.title[: header.LONGEST_NAME]
        return PREFIX + (values.get("name") or usual)

    def chosen_type(self) -> str:
        """Return the chosen type; RECOGNISED if the first rows decide."""
        values = self.cleaned_data if self.is_bound and self.is_valid() else self.initial
        return str(values.get("type", ""))


def types_of(columns: Sequence[ColumnForm]) -> dict[str, str]:
    """Return the types that the user chose.

    A recognised type is left out: the import recognises it again, and does not refuse rows because
    of it, as over the API.
    """
    meanings = ((column.stated_type(), column.chosen_type()) for column in columns)
    return {
        meaning.removeprefix(PREFIX): type
        for meaning, type in meanings
        if meaning.startswith(PREFIX) and type != RECOGNISED
    }


def _recognised(type: str) -> Iterator[tuple[str, str]]:
    if type:
        yield RECOGNISED, gettext("recognised: %(type)s") % {"type": Type(type).label}


def _choices(into: str) -> Iterator[tuple[str, Any]]:
    yield IGNORED, _("ignore")
    for field in header.FIELDS[into]:
        yield field, FIELDS[field]
    if into == Into.CLIENTS:
        yield ATTRIBUTE, _("attribute")
