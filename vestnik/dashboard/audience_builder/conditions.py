"""A condition of an audience filter, as a form.

A row carries its part of the filter (`was`), because fields hold only text: 42 and "42", `true` and
"true" look the same in them. If a row's fields are unchanged, it yields that part again, whatever
it holds. A value that was there before keeps its type.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from vestnik.audience.filters.rules import LONGEST_NAME
from vestnik.dashboard.audience_builder.condition_checks import CHECKS, problem_of_all
from vestnik.dashboard.audience_builder.condition_kinds import (
    LONGEST_BOUND,
    MOST_INPUTS,
    OF_ATTRIBUTES,
    OF_MAILINGS,
    OF_VALUES,
    ConditionKind,
)
from vestnik.dashboard.audience_builder.rows import as_shown
from vestnik.dashboard.audience_builder.typed_values import bound, parse_previous, restore_types
from vestnik.dashboard.wording.typed_numbers import language_of

#: Codes may be pasted as a list with any separator.
BETWEEN_CODES = re.compile(r"[\s,;]+")


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
    #: The language in which the row was shown and its numbers were typed.
    language = forms.CharField(required=False, widget=forms.HiddenInput)

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
        rows = as_shown(name, previous, cleaned.get("language", ""))
        return any(all(cleaned.get(field) == row[field] for field in row) for row in rows)

    def _clean_values(self, check: Callable[[str], str], cleaned: dict[str, Any]) -> None:
        values: list[str] = cleaned["values"]
        if cleaned["what"] == ConditionKind.CODE or cleaned["what"] in OF_MAILINGS:
            values = [code for value in values for code in BETWEEN_CODES.split(value) if code]
        problem = next(filter(None, map(check, values)), "") or problem_of_all(values)
        if problem:
            self.add_error("values", problem)
        cleaned["values"] = values

    def _clean_bounds(self, cleaned: dict[str, Any]) -> None:
        for word in ("gte", "lte"):
            try:
                cleaned[word] = bound(cleaned.get(word, ""), cleaned.get("language", ""))
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
                before, language = was if name == data["name"] else None, data["language"]
                types = [restore_types(value, before, language) for value in data["values"]]
                return [typed for values in types for typed in values]
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
    def shown_language(self) -> str:
        """The language of the row's numbers."""
        return language_of(self["language"].value())

    @property
    def shown_was(self) -> str:
        """The part of the filter that the row carries."""
        return str(self["was"].value() or "")

    @property
    def shown_lines(self) -> str:
        """Many values, one per line."""
        return "\n".join(self["values"].value() or [])
