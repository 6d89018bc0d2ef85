"""A condition of an audience filter, as a form.

A row carries its part of the filter (`was`), because fields hold only text: 42 and "42", `true` and
"true" look the same in them. If a row's fields are unchanged, it yields that part again, whatever
it holds. A value that was there before keeps its type.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import get_language, gettext, override
from django.utils.translation import gettext_lazy as _

from vestnik.audience.filters.mailing_conditions import unknown_mailings
from vestnik.audience.filters.rules import (
    DAY,
    LONGEST_NAME,
    LONGEST_VALUE,
    MOST_VALUES,
    is_comparison,
)
from vestnik.audience.importing.columns import cell_types
from vestnik.audience.importing.columns.cell_types import FULL_YEAR
from vestnik.audience.phone import OPERATOR_CODE
from vestnik.audience.validation import LONGEST_TAG
from vestnik.dashboard.wording.typed_numbers import normalise

#: Codes may be pasted as a list with any separator.
BETWEEN_CODES = re.compile(r"[\s,;]+")
NUMBER = re.compile(r"[-−]?[0-9]{1,15}(?:[.,][0-9]{1,9})?", re.ASCII)
DAYS = ("%Y-%m-%d", "%d.%m.%Y")
#: The words for booleans, as on a client's page.
YES, NO = ("yes", "true", "да"), ("no", "false", "нет")
SHOWN_YES, SHOWN_NO = ("yes", "да"), ("no", "нет")
#: Characters of a number or a date in a range.
LONGEST_BOUND = 30
#: Up to this number, each value has an input of its own; more are lines of one input.
MOST_INPUTS = 20


class ConditionKind(models.TextChoices):
    """The kinds of conditions."""

    CODE = "code", _("prefix is")
    TAG = "tag", _("tag is")
    NO_TAG = "no-tag", _("there is no tag")
    EQUALS = "equals", _("attribute is")
    RANGE = "range", _("attribute from … to")
    PRESENT = "present", _("attribute is given")
    ABSENT = "absent", _("attribute is not given")
    GOT = "got", _("got the mailing number")
    NOT_GOT = "not-got", _("did not get the mailing number")
    ANSWERED = "answered", _("answered the mailing number")


OF_MAILINGS = {
    ConditionKind.GOT: "got",
    ConditionKind.NOT_GOT: "not_got",
    ConditionKind.ANSWERED: "answered",
}
OF_VALUES = (ConditionKind.CODE, ConditionKind.TAG, ConditionKind.EQUALS, *OF_MAILINGS)
OF_ATTRIBUTES = (
    ConditionKind.EQUALS,
    ConditionKind.RANGE,
    ConditionKind.PRESENT,
    ConditionKind.ABSENT,
)


class ValuesInput(forms.Widget):
    """Several inputs of one name; one of them may hold several lines."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        lines = (line.strip() for written in data.getlist(name) for line in written.splitlines())
        return [line for line in lines if line]


class ConditionForm(forms.Form):
    """A condition; fields that its kind does not use are ignored."""

    what = forms.ChoiceField(choices=ConditionKind.choices, label=_("Condition"))
    name = forms.CharField(required=False, max_length=LONGEST_NAME, label=_("Attribute"))
    values = forms.Field(required=False, widget=ValuesInput, label=_("Value"))
    gte = forms.CharField(required=False, max_length=LONGEST_BOUND, label=_("from"))
    lte = forms.CharField(required=False, max_length=LONGEST_BOUND, label=_("to"))
    was = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)

    number: int
    is_new: bool

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if self._is_as_it_was(cleaned):
            return cleaned
        what = cleaned.get("what")
        if what in OF_ATTRIBUTES and "name" in cleaned and not cleaned["name"]:
            self.add_error("name", _("Name the attribute, or remove the condition."))
        if what in OF_VALUES:
            self._clean_values(CHECKS[what], cleaned)
        if what == ConditionKind.RANGE:
            self._clean_bounds(cleaned)
        return cleaned

    def _is_as_it_was(self, cleaned: Mapping[str, Any]) -> bool:
        """Return whether the fields are unchanged since the row was shown."""
        name, previous = parse_previous(cleaned.get("was", ""))
        if previous is None or self.errors:
            return False
        rows = _in_each_language(name, previous)
        return any(all(cleaned.get(field) == row[field] for field in row) for row in rows)

    def _clean_values(self, check: Callable[[str], str], cleaned: dict[str, Any]) -> None:
        values: list[str] = cleaned["values"]
        if cleaned["what"] == ConditionKind.CODE or cleaned["what"] in OF_MAILINGS:
            values = [code for value in values for code in BETWEEN_CODES.split(value) if code]
        problem = next(filter(None, map(check, values)), "") or _problem_of_all(values)
        if problem:
            self.add_error("values", problem)
        cleaned["values"] = values

    def _clean_bounds(self, cleaned: dict[str, Any]) -> None:
        for word in ("gte", "lte"):
            try:
                cleaned[word] = bound(cleaned.get(word, ""))
            except ValidationError as error:
                self.add_error(word, error)
        bounds = [cleaned[word] for word in ("gte", "lte") if cleaned.get(word) is not None]
        if not bounds and not self.errors:
            self.add_error("gte", _("Give a number or a date, or remove the condition."))
        elif len({isinstance(one, str) for one in bounds}) > 1:
            self.add_error("lte", _("Give two numbers or two dates."))
        elif len(bounds) == 2 and bounds[0] > bounds[1]:
            self.add_error("lte", _("Choose an upper bound that is not below the lower one."))

    @property
    def subject(self) -> tuple[str, str]:
        """The subject of the condition; a group may have one condition per subject."""
        what = self.cleaned_data["what"]
        if what in OF_ATTRIBUTES:
            return "attribute", self.cleaned_data["name"]
        if what in OF_MAILINGS:
            return "mailings", what
        return ("code", "") if what == ConditionKind.CODE else ("tag", "")

    def part(self) -> dict[str, Any]:
        """Return the condition as a part of a filter."""
        data = self.cleaned_data
        if word := OF_MAILINGS.get(data["what"]):
            return {"mailings": {word: [int(value.lstrip("№#")) for value in data["values"]]}}
        match data["what"]:
            case ConditionKind.CODE:
                return {"operator_codes": data["values"]}
            case ConditionKind.TAG:
                return {"tags": data["values"]}
            case ConditionKind.NO_TAG:
                return {"tags": [""]}
        return {"attributes": {data["name"]: self._wanted(data)}}

    def _wanted(self, data: Mapping[str, Any]) -> Any:
        name, was = parse_previous(data["was"])
        if self._is_as_it_was(data):
            return was
        match data["what"]:
            case ConditionKind.EQUALS:
                before = was if name == data["name"] else None
                return [typed for value in data["values"] for typed in _typed(value, before)]
            case ConditionKind.RANGE:
                return {w: data[w] for w in ("gte", "lte") if data[w] is not None}
        return {"present": data["what"] == ConditionKind.PRESENT}

    def as_sent(self) -> dict[str, Any]:
        """Return the submitted values, not validated, to show them again."""
        return {name: self[name].data for name in self.fields}

    # Properties for the template.

    @property
    def shown_what(self) -> str:
        """The chosen kind, also before validation."""
        return str(self["what"].value() or ConditionKind.CODE)

    @property
    def shown_values(self) -> Sequence[str]:
        """The values of the inputs, with an empty one at the end; none if there are too many."""
        values: list[str] = self["values"].value() or []
        return [*values, ""] if len(values) <= MOST_INPUTS else []

    @property
    def shown_was(self) -> str:
        """The part of the filter that the row carries."""
        return str(self["was"].value() or "")

    @property
    def shown_lines(self) -> str:
        """Many values, one per line."""
        return "\n".join(self["values"].value() or [])


def _problem_of_all(values: Sequence[str]) -> str:
    if not values:
        return str(_("Give a value, or remove the condition."))
    if len(values) > MOST_VALUES:
        return str(_("Give at most %(most)s values.") % {"most": MOST_VALUES})
    return ""


def _problem_of_code(value: str) -> str:
    if OPERATOR_CODE.fullmatch(value):
        return ""
    return str(_("Write three digits, for example 926."))


def _problem_of_mailing(value: str) -> str:
    number = value.lstrip("№#")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        return str(_("Write the number of a mailing, for example 12."))
    if unknown_mailings([int(number)]):
        return str(_("There is no mailing № %(number)s.") % {"number": int(number)})
    return ""


def _shorter_than(most: int) -> Callable[[str], str]:
    def check(value: str) -> str:
        if "\x00" in value:
            return str(_("Leave out the NUL character."))
        if len(value) > most:
            return str(_("Shorten it to at most %(most)s characters.") % {"most": most})
        return ""

    return check


CHECKS: dict[str, Callable[[str], str]] = {
    ConditionKind.CODE: _problem_of_code,
    ConditionKind.TAG: _shorter_than(LONGEST_TAG),
    ConditionKind.EQUALS: _shorter_than(LONGEST_VALUE),
    **dict.fromkeys(OF_MAILINGS, _problem_of_mailing),
}


def serialize(written: str) -> list[Any]:
    """Return the values that this text may stand for.

    42 may be a number or a text, yes a `true`, and the pages show 2026-03-31 as 31.03.2026.
    """
    word = written.casefold()
    if word in YES or word in NO:
        return [written, word in YES]
    values = (read(written) for read in (_number, _day))
    return [written, *(value for value in values if value not in (None, written))]


def _number(written: str) -> int | float | None:
    """Return the number, also from a decimal comma or grouped digits; 007 and 1.50 are texts."""
    for digits in (written, normalise(written)):
        try:
            number: int | float = float(digits) if "." in digits else int(digits)
        except ValueError:
            continue
        if str(number) == digits:
            return number
    return None


def _day(written: str) -> str | None:
    """Return the date as an import stores it; with a two-digit year it may be an article number."""
    if not FULL_YEAR.search(written):
        return None
    try:
        return cell_types.day(written)
    except ValueError:
        return None


def _typed(written: str, was: Any) -> list[Any]:
    """Return the value; one that was in the row before keeps its type."""
    before = was if isinstance(was, list) else [was]
    same = [one for one in before if _is_value(one) and written in _writings(one)]
    return same or serialize(written)


def _writings(one: Any) -> tuple[str, ...]:
    """Return how a row shows a value, in both languages."""
    if isinstance(one, bool):
        return SHOWN_YES if one else SHOWN_NO
    return (str(one),)


def _in_each_language(name: str, previous: Any) -> Iterator[dict[str, Any]]:
    """Yield the row of `of_attribute` in each language."""
    # A page may be shown in one language and submitted in another.
    for language, _label in settings.LANGUAGES:
        with override(language):
            if row := of_attribute(name, previous):
                yield row


def _is_value(one: Any) -> bool:
    return "\x00" not in one if isinstance(one, str) else isinstance(one, bool | int | float)


def parse_previous(carried: str) -> tuple[str, Any]:
    """Return the attribute and its previous condition from a row; None if it is malformed."""
    try:
        name, previous = json.loads(carried, parse_constant=_finite, parse_float=_finite)
    except (ValueError, TypeError, RecursionError):
        return "", None
    values = previous if isinstance(previous, list) else [previous]
    fits = all(map(_is_value, values)) or (isinstance(previous, dict) and is_comparison(previous))
    return (name, previous) if isinstance(name, str) and values and fits else ("", None)


def _finite(written: str) -> float:
    number = float(written)
    if not math.isfinite(number):
        raise ValueError(written)
    return number


def bound(written: str) -> int | float | str | None:
    """Return a number, or a date as YYYY-MM-DD; None for an empty text. Raises ValidationError."""
    if not written:
        return None
    number = normalise(written)
    if NUMBER.fullmatch(number):
        return float(number) if "." in number else int(number)
    for form in DAYS:
        try:
            return datetime.strptime(written, form).date().isoformat()  # noqa: DTZ007  (a day)
        except ValueError:
            continue
    raise ValidationError(_("Write a number, or a date as 2026-03-31 or 31.03.2026."))


def conditions_of(audience: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Return a filter as the initial values of rows; None if rows cannot express it."""
    if "again" in audience:
        return None
    rows: list[dict[str, Any] | None] = []
    if codes := audience.get("operator_codes"):
        rows.append({"what": ConditionKind.CODE, "values": codes})
    if tags := audience.get("tags"):
        rows.append(
            {"what": ConditionKind.NO_TAG} if tags == [""] else _valued(ConditionKind.TAG, tags)
        )
    rows += [of_attribute(*item) for item in audience.get("attributes", {}).items()]
    words = {word: what for what, word in OF_MAILINGS.items()}
    for word, ids in audience.get("mailings", {}).items():
        rows.append({"what": words[word], "values": list(map(str, ids))})
    expressed = [row for row in rows if row is not None]
    return expressed if len(expressed) == len(rows) else None


def of_attribute(name: str, expected: Any) -> dict[str, Any] | None:
    """Return a condition on an attribute as initial values; None if a row cannot express it."""
    if not isinstance(expected, Mapping):
        values = expected if isinstance(expected, list) else [expected]
        row = _valued(ConditionKind.EQUALS, [_written(value) for value in values])
    elif set(expected) == {"present"}:
        row = {"what": ConditionKind.PRESENT if expected["present"] else ConditionKind.ABSENT}
    elif "present" not in expected:
        row = _bounded({word: _shown(expected[word]) for word in expected})
    else:
        return None
    if row is None or not _is_sayable(name):
        return None
    return {**row, "name": name, "was": json.dumps([name, expected])}


def _bounded(written: Mapping[str, str]) -> dict[str, Any] | None:
    fits = all(len(text) <= LONGEST_BOUND for text in written.values())
    return {"what": ConditionKind.RANGE, "gte": "", "lte": "", **written} if fits else None


def _valued(what: ConditionKind, values: Sequence[str]) -> dict[str, Any] | None:
    unique_values = list(dict.fromkeys(values))
    return {"what": what, "values": unique_values} if all(map(_is_sayable, unique_values)) else None


def _is_sayable(text: str) -> bool:
    """Return whether a one-line field preserves the text."""
    return text == text.strip() and text.splitlines() == [text]


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    return str(value)


def _shown(bound_value: Any) -> str:
    if isinstance(bound_value, str) and DAY.fullmatch(bound_value) and get_language() == "ru":
        return date.fromisoformat(bound_value).strftime("%d.%m.%Y")
    return str(bound_value)
