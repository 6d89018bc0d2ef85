"""A client's attributes as rows of a form, each with the kind of its value.

The rows are named by the values of a hidden input, as those of an audience: a row is removed by
leaving it out, which the buttons do, and they need no JavaScript for it.
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
from vestnik.dashboard.wording.typed_numbers import normalise

#: Further attributes, and names that a field of a form would change, are kept as they are.
SHOWN = 100
MOST_ROWS = 200
NOT_WHOLE = gettext_lazy(
    "The attributes did not arrive whole: reload the page and change them again."
)
YES = ("yes", "true", "да", "1")
NO = ("no", "false", "нет", "0")


class Kind(models.TextChoices):
    """What a value is. A filter tells the number 42 from the text 42."""

    TEXT = "text", pgettext_lazy("kind of value", "text")
    NUMBER = "number", pgettext_lazy("kind of value", "number")
    FLAG = "flag", gettext_lazy("yes or no")
    JSON = "json", gettext_lazy("JSON")


class AttributeForm(forms.Form):
    """A row: empty, it is none."""

    name = forms.CharField(required=False, max_length=LONGEST_NAME, label=gettext_lazy("Name"))
    kind = forms.ChoiceField(choices=Kind.choices, label=pgettext_lazy("kind of value", "Kind"))
    value = forms.CharField(
        required=False, max_length=MOST_ATTRIBUTE_BYTES, strip=False, label=gettext_lazy("Value")
    )

    number: int

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if data.get("value") and not data.get("name") and "name" not in self.errors:
            self.add_error("name", _("Name it."))
        if data.get("name") and not data["name"].isprintable():
            self.add_error("name", _("Use printable letters."))
        if data.get("name") and "kind" in data and "value" in data:
            self._read(data)
        return data

    def _read(self, data: dict[str, Any]) -> None:
        try:
            data["read"] = READ[data["kind"]](data["value"])
        except ValidationError as error:
            self.add_error("value", error)


def _number(written: str) -> int | float:
    try:
        number = json.loads(normalise(written))
    except (ValueError, RecursionError):
        number = None
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        raise ValidationError(_("Write a number, for example 42 or 1.5."))
    return number


def _flag(written: str) -> bool:
    word = written.strip().casefold()
    if word not in YES + NO:
        raise ValidationError(_("Write yes or no."))
    return word in YES


def _json(written: str) -> Any:
    try:
        read = json.loads(written, parse_constant=_refused, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError):
        raise ValidationError(_("This is not valid JSON.")) from None
    validate_attributes({"": read})
    return read


def _without_repeats(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) < len(pairs):
        raise ValidationError(_("A key is given twice: give it once."))
    return read


def _refused(constant: str) -> None:
    raise ValueError(constant)


READ: dict[str, Callable[[str], Any]] = {
    Kind.TEXT: str,
    Kind.NUMBER: _number,
    Kind.FLAG: _flag,
    Kind.JSON: _json,
}


class AttributeRows:
    """All attributes of a client."""

    def __init__(self, rows: Sequence[AttributeForm]) -> None:
        self.rows = list(rows)
        self.problems: list[str] = []
        #: How many attributes the page does not show.
        self.more = 0
        #: Whether a row was removed just now.
        self.is_shorter = False

    @classmethod
    def showing(cls, attributes: Mapping[str, Any]) -> "AttributeRows":
        """The rows of a client, and an empty one where there is none."""
        some = shown_of(attributes)
        initial = [_initial(name, value) for name, value in some.items()] or [{}]
        rows = cls([_row(number, initial=each) for number, each in enumerate(initial)])
        rows.more = len(attributes) - len(some)
        return rows

    @classmethod
    def submitted(cls, data: QueryDict) -> "AttributeRows":
        """The rows as they were sent, to be checked."""
        rows = cls([_row(number, data=data) for number in _numbers(data)])
        if len(rows.rows) != len(set(data.getlist("attribute"))):
            rows.problems.append(str(NOT_WHOLE))
        return rows

    @classmethod
    def changed(cls, data: QueryDict) -> "AttributeRows | None":
        """The rows after one was added or removed, unchecked; None where none was."""
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
        """The rows as they are written, unchecked, without the one that is removed."""
        left = [n for n in _numbers(data) if str(n) != data.get("remove")]
        return cls([_row(n, initial=_sent(data, n)) for n in left])

    def is_valid(self) -> bool:
        """What is wrong stands beside its row, or in `problems`."""
        # Every row is asked, so that each shows what is wrong with it.
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
        seen: set[str] = set()
        for row in self.rows:
            name = row.cleaned_data["name"]
            if name and name in seen:
                row.add_error("name", _("There is a row with this name above."))
            seen.add(name)
        return any(row.errors for row in self.rows)


def shown_of(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Those that the page of a client shows."""
    names = [name for name in sorted(attributes) if _is_writable(name)]
    return {name: attributes[name] for name in names[:SHOWN]}


def _is_writable(name: str) -> bool:
    return 0 < len(name) <= LONGEST_NAME and name.isprintable() and name == name.strip()


def _row(number: int, *, data: Any = None, initial: Any = None) -> AttributeForm:
    form = AttributeForm(data, initial=initial, prefix=f"attribute-{number}")
    form.number = number
    return form


def _numbers(data: QueryDict) -> list[int]:
    given = dict.fromkeys(data.getlist("attribute"))
    return [int(n) for n in given if n.isascii() and n.isdigit() and len(n) < 4][:MOST_ROWS]


def _sent(data: QueryDict, number: int) -> dict[str, str]:
    names = ("name", "kind", "value")
    return {name: data.get(f"attribute-{number}-{name}", "") for name in names}


def _initial(name: str, value: Any) -> dict[str, str]:
    match value:
        case bool():
            return {"name": name, "kind": Kind.FLAG, "value": _("yes") if value else _("no")}
        case int() | float():
            return {"name": name, "kind": Kind.NUMBER, "value": json.dumps(value)}
        case str() if value and value.isprintable():
            return {"name": name, "kind": Kind.TEXT, "value": value}
    return {"name": name, "kind": Kind.JSON, "value": json.dumps(value, ensure_ascii=False)}
