"""The forms of the second step: how the file is read, which numbers are taken, what columns are."""

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
#: Of a column whose type nobody chose.
RECOGNISED = "recognised"
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

    def options(self) -> dict[str, Any]:
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

    type = forms.CharField(
        required=False, label=_("Type of the values"), widget=forms.Select, strip=False
    )

    def __init__(self, title: str, into: str, recognised: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.title = title
        widget: Any = self.fields["type"].widget
        widget.choices = [*_recognised(recognised), ("", _("each by itself")), *Type.choices]
        meaning: Any = self.fields["meaning"]
        exact = [(exact_values.COLUMN, _("exact values of an export"))]
        is_exact = self.initial.get("meaning") == exact_values.COLUMN
        # Set as a whole: the field and its widget each have a list of their own.
        meaning.choices = [*_choices(into), *(exact if is_exact else ())]

    def clean_name(self) -> str:
        return unless_untouched(self.cleaned_data["name"], self.initial.get("name") or "")

    def clean_type(self) -> str:
        type: str = self.cleaned_data["type"]
        if type not in ("", RECOGNISED, *Type.values):
            raise ValidationError(_("Choose one of the types."))
        return type

    def stated_type(self) -> str:
        """As the mapping of an import has it; what is no choice is left out."""
        given = self.cleaned_data if self.is_bound and self.is_valid() else self.initial
        if given.get("meaning") != ATTRIBUTE:
            return str(given.get("meaning", IGNORED))
        is_nameless = self.initial.get("meaning") == ATTRIBUTE and self.initial.get("name") == ""
        usual = "" if is_nameless else self.title[: header.LONGEST_NAME]
        return PREFIX + (given.get("name") or usual)

    def chosen_type(self) -> str:
        """What was chosen; RECOGNISED where the column is left to what its first rows are."""
        given = self.cleaned_data if self.is_bound and self.is_valid() else self.initial
        return str(given.get("type", ""))


def types_of(columns: Sequence[ColumnForm]) -> dict[str, str]:
    """The types that somebody chose: what is only recognised is recognised again when it is read,
    and refuses no row, as over the API."""
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
    yield IGNORED, _("leave out")
    for field in header.FIELDS[into]:
        yield field, FIELDS[field]
    if into == Into.CLIENTS:
        yield ATTRIBUTE, _("attribute")
