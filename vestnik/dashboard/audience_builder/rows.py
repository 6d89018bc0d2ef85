"""The rows that show a filter: the initial values of their fields."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from django.conf import settings
from django.utils.translation import get_language, gettext, override

from vestnik.audience.filters.rules import DAY
from vestnik.dashboard.audience_builder.condition_kinds import (
    LONGEST_BOUND,
    OF_MAILINGS,
    ConditionKind,
)
from vestnik.dashboard.wording.filter_text import without_pairs
from vestnik.dashboard.wording.typed_numbers import number_text


def as_shown(name: str, previous: Any, language: str) -> Iterator[dict[str, Any]]:
    """Yield the row of `of_attribute` in the language of its page; in each if it is not known."""
    languages = dict(settings.LANGUAGES)
    for one in [language] if language in languages else languages:
        with override(one):
            if row := of_attribute(name, previous):
                yield row


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
        values = without_pairs(expected if isinstance(expected, list) else [expected])
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
    return number_text(value) if isinstance(value, float) else str(value)


def _shown(bound_value: Any) -> str:
    if isinstance(bound_value, str) and DAY.fullmatch(bound_value) and get_language() == "ru":
        return date.fromisoformat(bound_value).strftime("%d.%m.%Y")
    return _written(bound_value)
