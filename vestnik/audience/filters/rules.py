"""What an audience filter may consist of."""

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

MOST_VALUES = 1000
MOST_ATTRIBUTES = 20
LONGEST_NAME = 200
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
#: Further ones are not looked for: each costs time, and a body may hold 60,000.
MOST_PROBLEMS = 100


def checked_filter(given: Mapping[str, Any]) -> dict[str, Any]:
    """The filter as it is kept. Raises ValidationError naming each part that is wrong."""
    problems = dict(islice(_problems(given, (*KINDS, "exclude")), MOST_PROBLEMS))
    excluded = given.get("exclude", {})
    if not isinstance(excluded, Mapping):
        problems["exclude"] = _("Give an object of the same form as the filter.")
    else:
        further = islice(_problems(excluded, KINDS), MOST_PROBLEMS)
        problems |= {f"exclude.{part}": why for part, why in further}
    if problems:
        raise ValidationError(problems)
    kept = _kept(given)
    return {**kept, "exclude": _kept(excluded)} if _kept(excluded) else kept


def _kept(given: Mapping[str, Any]) -> dict[str, Any]:
    """Without repeated values, and without what narrows nothing."""
    kept: dict[str, Any] = {
        kind: list(dict.fromkeys(given[kind])) for kind in VALUES if given.get(kind)
    }
    attributes = {
        name: wanted
        for name, wanted in given.get("attributes", {}).items()
        if wanted not in ([], {})
    }
    mailings = {word: list(dict.fromkeys(ids)) for word, ids in given.get("mailings", {}).items()}
    kept |= {"attributes": attributes} if attributes else {}
    return {**kept, "mailings": mailings} if mailings else kept


def _problems(given: Mapping[str, Any], known: tuple[str, ...]) -> Iterator[Problem]:
    for kind in given:
        if kind not in known:
            remedy = _("There is no such filter. Known are: %(known)s.")
            yield kind, remedy % {"known": ", ".join(known)}
    for kind, (check, wrong, limits) in VALUES.items():
        values = given.get(kind, [])
        if not isinstance(values, list) or not all(map(check, values)):
            yield kind, wrong % limits if limits else str(wrong)
        elif len(values) > MOST_VALUES:
            yield kind, MOST % {"most": MOST_VALUES}
    yield from _attribute_problems(given.get("attributes", {}))
    yield from _mailing_problems(given.get("mailings", {}))


def _mailing_problems(given: object) -> Iterator[Problem]:
    if not isinstance(given, Mapping):
        yield "mailings", _('Give an object, for example {"not_got": [12]}.')
        return
    for word, ids in given.items():
        if word not in WORDS:
            remedy = _("There is no such condition. Known are: %(known)s.")
            yield f"mailings.{word}", remedy % {"known": ", ".join(WORDS)}
        elif not isinstance(ids, list) or not ids or not all(map(is_mailing_id, ids)):
            yield f"mailings.{word}", _("Give a list of the numbers of mailings, one at least.")
        elif len(ids) > MOST_MAILINGS:
            yield f"mailings.{word}", MOST % {"most": MOST_MAILINGS}
        elif unknown := unknown_mailings(ids):
            remedy = _("There is no mailing № %(number)s.")
            yield f"mailings.{word}", remedy % {"number": unknown[0]}


def _attribute_problems(given: object) -> Iterator[Problem]:
    if not isinstance(given, Mapping):
        yield "attributes", _('Give an object, for example {"city": "Казань"}.')
    elif len(given) > MOST_ATTRIBUTES:
        yield "attributes", _("Name at most %(most)s attributes.") % {"most": MOST_ATTRIBUTES}
    else:
        for name, wanted in given.items():
            if not 0 < len(name) <= LONGEST_NAME:
                remedy = _("A name has 1 to %(most)s characters.")
                yield "attributes", remedy % {"most": LONGEST_NAME}
            if problem := _problem_with(wanted):
                yield f"attributes.{name}", problem


def _problem_with(wanted: object) -> str:
    if isinstance(wanted, Mapping):
        return "" if is_comparison(wanted) else str(COMPARE)
    values = wanted if isinstance(wanted, list) else [wanted]
    if len(values) > MOST_VALUES:
        return MOST % {"most": MOST_VALUES}
    return "" if all(map(_is_value, values)) else str(COMPARE)


def _is_value(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= LONGEST_VALUE
    return isinstance(value, bool | int | float)


def is_comparison(wanted: Mapping[str, Any]) -> bool:
    """Whether this is a range of numbers or of days, or asks whether there is a value."""
    bounds = [wanted[word] for word in ("gte", "lte") if word in wanted]
    return (
        set(wanted) <= set(COMPARISONS)
        and isinstance(wanted.get("present", True), bool)
        and (all(map(_is_number, bounds)) or all(map(_is_date, bounds)))
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_date(value: object) -> bool:
    """A day as YYYY-MM-DD alone: the other forms of ISO 8601 do not sort with it as texts."""
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


#: What each kind's values have to be, what to say where they are not, and the limits it names.
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
