"""One condition of an audience filter, as a form.

A row carries what the filter says in its place (`was`), because fields hold text alone: 42 and
"42", `true` and "true" look the same in them. A row whose fields are as they were shown is that
part of the filter again, whatever it holds, and a value that was there before keeps its type.
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

BETWEEN_CODES = re.compile(r"[\s,;]+")
NUMBER = re.compile(r"[-−]?[0-9]{1,15}(?:[.,][0-9]{1,9})?", re.ASCII)
DAYS = ("%Y-%m-%d", "%d.%m.%Y")
#: As a client's page reads a flag.
YES, NO = ("yes", "true", "да"), ("no", "false", "нет")
SHOWN_YES, SHOWN_NO = ("yes", "да"), ("no", "нет")
LONGEST_BOUND = 30
#: Of so many values each has an input of its own; more are lines of one.
MOST_INPUTS = 20


class ConditionKind(models.TextChoices):
    """What a condition asks."""

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
    """A condition: all that is not asked by its `what` is left alone."""

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
        """Whether the fields are as they are shown for what the row was."""
        name, wanted = parse_previous(cleaned.get("was", ""))
        if wanted is None or self.errors:
            return False
        rows = _in_each_language(name, wanted)
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
        given = [cleaned[word] for word in ("gte", "lte") if cleaned.get(word) is not None]
        if not given and not self.errors:
            self.add_error("gte", _("Give a number or a date, or remove the condition."))
        elif len({isinstance(one, str) for one in given}) > 1:
            self.add_error("lte", _("Give two numbers or two dates."))
        elif len(given) == 2 and given[0] > given[1]:
            self.add_error("lte", _("Choose an upper bound that is not below the lower one."))

    @property
    def subject(self) -> tuple[str, str]:
        """What the condition is about: there may be one condition about each thing."""
        what = self.cleaned_data["what"]
        if what in OF_ATTRIBUTES:
            return "attribute", self.cleaned_data["name"]
        if what in OF_MAILINGS:
            return "mailings", what
        return ("code", "") if what == ConditionKind.CODE else ("tag", "")

    def part(self) -> dict[str, Any]:
        """The condition as a part of a filter."""
        asked = self.cleaned_data
        if word := OF_MAILINGS.get(asked["what"]):
            return {"mailings": {word: [int(value.lstrip("№#")) for value in asked["values"]]}}
        match asked["what"]:
            case ConditionKind.CODE:
                return {"operator_codes": asked["values"]}
            case ConditionKind.TAG:
                return {"tags": asked["values"]}
            case ConditionKind.NO_TAG:
                return {"tags": [""]}
        return {"attributes": {asked["name"]: self._wanted(asked)}}

    def _wanted(self, asked: Mapping[str, Any]) -> Any:
        name, was = parse_previous(asked["was"])
        if self._is_as_it_was(asked):
            return was
        match asked["what"]:
            case ConditionKind.EQUALS:
                before = was if name == asked["name"] else None
                return [typed for value in asked["values"] for typed in _typed(value, before)]
            case ConditionKind.RANGE:
                return {w: asked[w] for w in ("gte", "lte") if asked[w] is not None}
        return {"present": asked["what"] == ConditionKind.PRESENT}

    def as_sent(self) -> dict[str, Any]:
        """What was sent, unchecked, to be shown again."""
        return {name: self[name].data for name in self.fields}

    # What the template asks.

    @property
    def shown_what(self) -> str:
        """The chosen condition, also where it was not checked yet."""
        return str(self["what"].value() or ConditionKind.CODE)

    @property
    def shown_values(self) -> Sequence[str]:
        """The values of the inputs, the last of which is empty; none where there are too many."""
        values: list[str] = self["values"].value() or []
        return [*values, ""] if len(values) <= MOST_INPUTS else []

    @property
    def shown_was(self) -> str:
        """What the row carries of the filter."""
        return str(self["was"].value() or "")

    @property
    def shown_lines(self) -> str:
        """Many values, each on a line of its own."""
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
    """What attributes may hold where a person writes this: 42 is a number in one system and a text
    in another, yes is a `true`, and 31.03.2026 is how the pages show 2026-03-31."""
    word = written.casefold()
    if word in YES or word in NO:
        return [written, word in YES]
    meant = (read(written) for read in (_number, _day))
    return [written, *(one for one in meant if one not in (None, written))]


def _number(written: str) -> int | float | None:
    """The number that is written, with a comma or with grouped digits; 007 and 1.50 are texts."""
    for digits in (written, normalise(written)):
        try:
            number: int | float = float(digits) if "." in digits else int(digits)
        except ValueError:
            continue
        if str(number) == digits:
            return number
    return None


def _day(written: str) -> str | None:
    """The date as an import stores it; with a year of two digits it may be an article."""
    if not FULL_YEAR.search(written):
        return None
    try:
        return cell_types.day(written)
    except ValueError:
        return None


def _typed(written: str, was: Any) -> list[Any]:
    """What a value is that may have been in the row before."""
    before = was if isinstance(was, list) else [was]
    same = [one for one in before if _is_value(one) and written in _writings(one)]
    return same or serialize(written)


def _writings(one: Any) -> tuple[str, ...]:
    """What a row shows of a value, in one language or the other."""
    if isinstance(one, bool):
        return SHOWN_YES if one else SHOWN_NO
    return (str(one),)


def _in_each_language(name: str, wanted: Any) -> Iterator[dict[str, Any]]:
    """As `of_attribute`: a page may be shown in one language and sent in another."""
    for language, _label in settings.LANGUAGES:
        with override(language):
            if row := of_attribute(name, wanted):
                yield row


def _is_value(one: Any) -> bool:
    return "\x00" not in one if isinstance(one, str) else isinstance(one, bool | int | float)


def parse_previous(carried: str) -> tuple[str, Any]:
    """The attribute and what was wanted of it, as a row carries them; None where that is nothing
    of ours."""
    try:
        name, wanted = json.loads(carried, parse_constant=_finite, parse_float=_finite)
    except (ValueError, TypeError, RecursionError):
        return "", None
    values = wanted if isinstance(wanted, list) else [wanted]
    fits = all(map(_is_value, values)) or (isinstance(wanted, dict) and is_comparison(wanted))
    return (name, wanted) if isinstance(name, str) and values and fits else ("", None)


def _finite(written: str) -> float:
    number = float(written)
    if not math.isfinite(number):
        raise ValueError(written)
    return number


def bound(written: str) -> int | float | str | None:
    """A number, or a day as YYYY-MM-DD; None where nothing is written."""
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
    """A filter, or what it excludes, as the initial values of rows; None where rows cannot say it:
    they would change it."""
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
    said = [row for row in rows if row is not None]
    return said if len(said) == len(rows) else None


def of_attribute(name: str, wanted: Any) -> dict[str, Any] | None:
    """What is wanted of an attribute as the initial values of a row; None where none can say it."""
    if not isinstance(wanted, Mapping):
        values = wanted if isinstance(wanted, list) else [wanted]
        row = _valued(ConditionKind.EQUALS, [_written(value) for value in values])
    elif set(wanted) == {"present"}:
        row = {"what": ConditionKind.PRESENT if wanted["present"] else ConditionKind.ABSENT}
    elif "present" not in wanted:
        row = _bounded({word: _shown(wanted[word]) for word in wanted})
    else:
        return None
    if row is None or not _is_sayable(name):
        return None
    return {**row, "name": name, "was": json.dumps([name, wanted])}


def _bounded(written: Mapping[str, str]) -> dict[str, Any] | None:
    fits = all(len(text) <= LONGEST_BOUND for text in written.values())
    return {"what": ConditionKind.RANGE, "gte": "", "lte": "", **written} if fits else None


def _valued(what: ConditionKind, values: Sequence[str]) -> dict[str, Any] | None:
    said = list(dict.fromkeys(values))
    return {"what": what, "values": said} if all(map(_is_sayable, said)) else None


def _is_sayable(text: str) -> bool:
    """Whether a field of one line holds it as it is."""
    return text == text.strip() and text.splitlines() == [text]


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    return str(value)


def _shown(wanted: Any) -> str:
    if isinstance(wanted, str) and DAY.fullmatch(wanted) and get_language() == "ru":
        return date.fromisoformat(wanted).strftime("%d.%m.%Y")
    return str(wanted)
