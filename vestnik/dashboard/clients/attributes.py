"""A client's attributes as rows of a form, each with the kind of its value.

The rows are named by the values of a hidden input, like those of an audience. A row is removed by
leaving it out; the buttons do so without JavaScript.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from vestnik.audience.filters.rules import LONGEST_NAME
from vestnik.audience.validation import MOST_ATTRIBUTE_BYTES, validate_attributes
from vestnik.dashboard.wording.typed_numbers import language_of, normalise, with_decimal_sign

#: Further attributes, and names that a form field would alter, are not shown and stay as they are.
SHOWN = 100
MOST_ROWS = 200
NOT_WHOLE = gettext_lazy(
    "Some attributes were not received: reload the page and change them again."
)
YES = ("yes", "true", "да", "1")
NO = ("no", "false", "нет", "0")


class Kind(models.TextChoices):
    """The kind of a value. A filter distinguishes the number 42 from the text 42."""

    TEXT = "text", pgettext_lazy("kind of value", "text")
    NUMBER = "number", pgettext_lazy("kind of value", "number")
    FLAG = "flag", gettext_lazy("yes or no")
    JSON = "json", gettext_lazy("JSON")


class AttributeForm(forms.Form):
    """A row; an empty row is ignored."""

    name = forms.CharField(required=False, max_length=LONGEST_NAME, label=gettext_lazy("Name"))
    kind = forms.ChoiceField(choices=Kind.choices, label=pgettext_lazy("kind of value", "Kind"))
    value = forms.CharField(
        required=False, max_length=MOST_ATTRIBUTE_BYTES, strip=False, label=gettext_lazy("Value")
    )
    #: The language in which the row was shown and its number was typed.
    language = forms.CharField(required=False, widget=forms.HiddenInput)

    number: int

    @property
    def shown_language(self) -> str:
        """The language of the row's number."""
        return language_of(self["language"].value())

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if data.get("value") and not data.get("name") and "name" not in self.errors:
            self.add_error("name", _("Give it a name."))
        if data.get("name") and not data["name"].isprintable():
            self.add_error("name", _("Use printable characters."))
        if data.get("name") and "kind" in data and "value" in data:
            self._read(data)
        return data

    def _read(self, data: dict[str, Any]) -> None:
        try:
            data["read"] = READ[data["kind"]](data["value"], data.get("language", ""))
        except ValidationError as error:
            self.add_error("value", error)


def _text(written: str, language: str = "") -> str:
    return written


def _number(written: str, language: str = "") -> int | float:
    try:
        number = json.loads(normalise(written, language))
    except (ValueError, RecursionError):
        number = None
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        raise ValidationError(_("Write a number, for example 42 or 1.5."))
    return number


def _flag(written: str, language: str = "") -> bool:
    word = written.strip().casefold()
    if word not in YES + NO:
        raise ValidationError(_("Write yes or no."))
    return word in YES


def _json(written: str, language: str = "") -> Any:
    try:
        decoded = json.loads(written, parse_constant=_refused, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError):
        raise ValidationError(_("This is not valid JSON.")) from None
    validate_attributes({"": decoded})
    return decoded


def _without_repeats(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    unique_pairs = dict(pairs)
    if len(unique_pairs) < len(pairs):
        raise ValidationError(_("A key is given twice: give it once."))
    return unique_pairs


def _refused(constant: str) -> None:
    raise ValueError(constant)


#: By kind, the value of a text that was typed in the language.
READ: dict[str, Callable[..., Any]] = {
    Kind.TEXT: _text,
    Kind.NUMBER: _number,
    Kind.FLAG: _flag,
    Kind.JSON: _json,
}


class AttributeRows:
    """All attributes of a client."""

    def __init__(self, rows: Sequence[AttributeForm]) -> None:
        self.rows = list(rows)
        self.problems: list[str] = []
        #: The number of attributes that the page does not show.
        self.more = 0
        #: Whether a row has just been removed.
        self.is_shorter = False

    @classmethod
    def showing(cls, attributes: Mapping[str, Any]) -> "AttributeRows":
        """Return the rows of a client, or an empty one if there are none."""
        some = shown_of(attributes)
        initial = [_initial(name, value) for name, value in some.items()] or [{}]
        rows = cls([_row(number, initial=each) for number, each in enumerate(initial)])
        rows.more = len(attributes) - len(some)
        return rows

    @classmethod
    def submitted(cls, data: QueryDict) -> "AttributeRows":
        """Return the rows as they were submitted, to be validated."""
        rows = cls([_row(number, data=data) for number in _numbers(data)])
        if len(rows.rows) != len(set(data.getlist("attribute"))):
            rows.problems.append(str(NOT_WHOLE))
        return rows

    @classmethod
    def changed(cls, data: QueryDict) -> "AttributeRows | None":
        """Return the rows after one was added or removed, not validated; None if none was."""
        if "add" not in data and "remove" not in data:
            return None
        rows = cls.written(data)
        rows.is_shorter = "remove" in data
        if "add" in data and len(rows.rows) < MOST_ROWS:
            added = _row(max((row.number for row in rows.rows), default=-1) + 1)
            added.fields["name"].widget.attrs["autofocus"] = True
            rows.rows.append(added)
        return rows

    @classmethod
    def written(cls, data: QueryDict) -> "AttributeRows":
        """Return the submitted rows, not validated, without the removed one."""
        numbers = [n for n in _numbers(data) if str(n) != data.get("remove")]
        return cls([_row(n, initial=_sent(data, n)) for n in numbers])

    def is_valid(self) -> bool:
        """Validate all rows; problems are attached to their rows, or in `problems`."""
        # Validate every row, so that each shows its problems.
        wrong = [row for row in self.rows if not row.is_valid()]
        if not wrong and not self._repeated():
            try:
                validate_attributes(self.attributes)
            except ValidationError as error:
                self.problems = error.messages
        return not self.problems and not any(row.errors for row in self.rows)

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes, once they are valid."""
        return dict(self._named())

    def _named(self) -> Iterator[tuple[str, Any]]:
        for row in self.rows:
            if row.cleaned_data["name"]:
                yield row.cleaned_data["name"], row.cleaned_data["read"]

    def _repeated(self) -> bool:
        names: set[str] = set()
        for row in self.rows:
            name = row.cleaned_data["name"]
            if name and name in names:
                row.add_error("name", _("There is a row with this name above."))
            names.add(name)
        return any(row.errors for row in self.rows)


def shown_of(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes that the page of a client shows."""
    names = [name for name in sorted(attributes) if _is_writable(name)]
    return {name: attributes[name] for name in names[:SHOWN]}


def _is_writable(name: str) -> bool:
    return 0 < len(name) <= LONGEST_NAME and name.isprintable() and name == name.strip()


def _row(number: int, *, data: Any = None, initial: Any = None) -> AttributeForm:
    form = AttributeForm(data, initial=initial, prefix=f"attribute-{number}")
    form.number = number
    return form


def _numbers(data: QueryDict) -> list[int]:
    unique_numbers = dict.fromkeys(data.getlist("attribute"))
    return [int(n) for n in unique_numbers if n.isascii() and n.isdigit() and len(n) < 4][
        :MOST_ROWS
    ]


def _sent(data: QueryDict, number: int) -> dict[str, str]:
    names = ("name", "kind", "value", "language")
    return {name: data.get(f"attribute-{number}-{name}", "") for name in names}


def _initial(name: str, value: Any) -> dict[str, str]:
    match value:
        case bool():
            return {"name": name, "kind": Kind.FLAG, "value": _("yes") if value else _("no")}
        case int() | float():
            return {
                "name": name,
                "kind": Kind.NUMBER,
                "value": with_decimal_sign(json.dumps(value)),
            }
        case str() if value and value.isprintable():
            return {"name": name, "kind": Kind.TEXT, "value": value}
    return {"name": name, "kind": Kind.JSON, "value": json.dumps(value, ensure_ascii=False)}
