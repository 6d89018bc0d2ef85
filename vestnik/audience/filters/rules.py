"""Validation of audience filters."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from itertools import islice
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from vestnik.audience.filters.mailing_conditions import (
    MOST_MAILINGS,
    WORDS,
    is_mailing_id,
    unknown_mailings,
)
from vestnik.audience.phone import OPERATOR_CODE
from vestnik.audience.validation import LONGEST_TAG

#: Alternatives of one condition; a longer list belongs into a tag or an attribute.
MOST_VALUES = 1000
#: Each attribute is one more test per client of the directory.
MOST_ATTRIBUTES = 20
LONGEST_NAME = 200
#: Characters of a value to compare with.
LONGEST_VALUE = 1000
KINDS = ("operator_codes", "tags", "attributes", "mailings")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
COMPARISONS = ("gte", "lte", "present")

COMPARE = gettext_lazy(
    'Give a value, a list of values, or {"gte": …, "lte": …, "present": true}; the bounds are '
    "numbers, or dates as YYYY-MM-DD."
)

MOST = gettext_lazy("Give at most %(most)s values.")

Problem = tuple[str, str]
#: Further problems are not searched for: each costs time, and a body may contain 60,000.
MOST_PROBLEMS = 100


def validate_filter(filter_data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the filter as it is stored. Raises ValidationError that names each wrong part."""
    problems = dict(islice(_problems(filter_data, (*KINDS, "exclude")), MOST_PROBLEMS))
    excluded = filter_data.get("exclude", {})
    if not isinstance(excluded, Mapping):
        problems["exclude"] = _("Give an object of the same form as the filter.")
    else:
        # An exception cannot have an exception of its own.
        further = islice(_problems(excluded, KINDS), MOST_PROBLEMS)
        problems |= {f"exclude.{part}": why for part, why in further}
    if problems:
        raise ValidationError(problems)
    normalised = _kept(filter_data)
    return {**normalised, "exclude": _kept(excluded)} if _kept(excluded) else normalised


def _kept(filter_data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the filter without repeated values and without empty conditions."""
    normalised: dict[str, Any] = {
        kind: list(dict.fromkeys(filter_data[kind])) for kind in VALUES if filter_data.get(kind)
    }
    attributes = {
        name: value
        for name, value in filter_data.get("attributes", {}).items()
        if value not in ([], {})
    }
    mailings = {
        word: list(dict.fromkeys(ids)) for word, ids in filter_data.get("mailings", {}).items()
    }
    normalised |= {"attributes": attributes} if attributes else {}
    return {**normalised, "mailings": mailings} if mailings else normalised


def _problems(filter_data: Mapping[str, Any], known: tuple[str, ...]) -> Iterator[Problem]:
    for kind in filter_data:
        if kind not in known:
            remedy = _("Unknown filter. Available: %(known)s.")
            yield kind, remedy % {"known": ", ".join(known)}
    for kind, (check, wrong, limits) in VALUES.items():
        values = filter_data.get(kind, [])
        if not isinstance(values, list) or not all(map(check, values)):
            yield kind, wrong % limits if limits else str(wrong)
        elif len(values) > MOST_VALUES:
            yield kind, MOST % {"most": MOST_VALUES}
    yield from _attribute_problems(filter_data.get("attributes", {}))
    yield from _mailing_problems(filter_data.get("mailings", {}))


def _mailing_problems(conditions: object) -> Iterator[Problem]:
    if not isinstance(conditions, Mapping):
        yield "mailings", _('Give an object, for example {"not_got": [12]}.')
        return
    for word, ids in conditions.items():
        if word not in WORDS:
            remedy = _("Unknown condition. Available: %(known)s.")
            yield f"mailings.{word}", remedy % {"known": ", ".join(WORDS)}
        elif not isinstance(ids, list) or not ids or not all(map(is_mailing_id, ids)):
            yield f"mailings.{word}", _("Give a list of at least one mailing number.")
        elif len(ids) > MOST_MAILINGS:
            yield f"mailings.{word}", MOST % {"most": MOST_MAILINGS}
        elif unknown := unknown_mailings(ids):
            remedy = _("There is no mailing № %(number)s.")
            yield f"mailings.{word}", remedy % {"number": unknown[0]}


def _attribute_problems(attributes: object) -> Iterator[Problem]:
    if not isinstance(attributes, Mapping):
        yield "attributes", _('Give an object, for example {"city": "Казань"}.')
    elif len(attributes) > MOST_ATTRIBUTES:
        yield "attributes", _("Name at most %(most)s attributes.") % {"most": MOST_ATTRIBUTES}
    else:
        for name, value in attributes.items():
            if not 0 < len(name) <= LONGEST_NAME:
                remedy = _("A name has 1 to %(most)s characters.")
                yield "attributes", remedy % {"most": LONGEST_NAME}
            if problem := _problem_with(value):
                yield f"attributes.{name}", problem


def _problem_with(value_or_values: object) -> str:
    if isinstance(value_or_values, Mapping):
        return "" if is_comparison(value_or_values) else str(COMPARE)
    values = value_or_values if isinstance(value_or_values, list) else [value_or_values]
    if len(values) > MOST_VALUES:
        return MOST % {"most": MOST_VALUES}
    return "" if all(map(_is_value, values)) else str(COMPARE)


def _is_value(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= LONGEST_VALUE
    return isinstance(value, bool | int | float)


def is_comparison(comparison: Mapping[str, Any]) -> bool:
    """Return whether this is a range of numbers or of dates, or a test for presence."""
    bounds = [comparison[word] for word in ("gte", "lte") if word in comparison]
    return (
        set(comparison) <= set(COMPARISONS)
        and isinstance(comparison.get("present", True), bool)
        and (all(map(_is_number, bounds)) or all(map(_is_date, bounds)))
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_date(value: object) -> bool:
    """Return whether the value is a date in the form YYYY-MM-DD."""
    try:
        return (
            isinstance(value, str)
            and bool(DAY.fullmatch(value))
            and bool(date.fromisoformat(value))
        )
    except ValueError:
        return False


def _is_code(value: object) -> bool:
    return isinstance(value, str) and bool(OPERATOR_CODE.fullmatch(value))


def _is_tag(value: object) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_TAG


#: By kind: the check of a value, the error text, and the limits that the text names.
VALUES: dict[str, tuple[Callable[[object], bool], Promise, dict[str, int]]] = {
    "operator_codes": (
        _is_code,
        gettext_lazy('Give a list of three-digit strings, for example ["926"].'),
        {},
    ),
    "tags": (
        _is_tag,
        gettext_lazy("Give a list of strings of at most %(most)s characters."),
        {"most": LONGEST_TAG},
    ),
}
