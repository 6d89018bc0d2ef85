"""Hints for conditions that may not have the intended effect: a range that selects no clients since
the attribute has another type, an attribute that no client has, and a mailing whose recipients are
not known yet."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from vestnik.audience.attribute_types import Type, declared_types
from vestnik.audience.filters.selection import Filter, attribute_names, condition, is_attribute
from vestnik.audience.models import Client
from vestnik.mailings.models import BEFORE_THE_START, UNDER_WAY, Mailing
from vestnik.mailings.text_warnings import suggestion_for

Hint = tuple[str, Promise | str]

#: Clients at each end of the directory: a hint must not read a million.
SAMPLED = 1000
#: Each is searched among all clients.
MOST_LOOKED_FOR = 5
IS_TEXT = _(
    "0: this attribute is text, which ranges do not match. Declare its type, or import it as a "
    "number or a date."
)
WRONG: dict[tuple[str, str], Promise] = {
    (Type.TEXT, Type.NUMBER): IS_TEXT,
    (Type.TEXT, Type.DATE): IS_TEXT,
    (Type.BOOLEAN, Type.NUMBER): _("0: this attribute is yes or no, which ranges do not match."),
    (Type.BOOLEAN, Type.DATE): _("0: this attribute is yes or no, which ranges do not match."),
    (Type.DATE, Type.NUMBER): _("0: this attribute holds dates: give dates."),
    (Type.NUMBER, Type.DATE): _("0: this attribute holds numbers: give numbers."),
}
#: Ranges that match every value of the type.
ALL: dict[str, dict[str, Any]] = {Type.NUMBER: {"gte": -1e300}, Type.DATE: {"gte": "0001-01-01"}}


def condition_hints(audience: Filter) -> list[Hint]:
    """Return the attribute or mailing of each doubtful condition, with the hint."""
    unknown = list(_unknown_attributes(audience))
    missing = {name for name, _hint in unknown}
    ranges = [hint for hint in _range_hints(audience) if hint[0] not in missing]
    return [*unknown, *ranges, *_mailing_hints(audience)]


def _unknown_attributes(audience: Filter) -> Iterator[Hint]:
    """Yield the attributes that no client has: excluding by one of them excludes no clients."""
    names_in_filter = dict.fromkeys(
        name for part in _parts(audience) for name in part.get("attributes", {})
    )
    names = attribute_names() if names_in_filter else []
    rare = [name for name in names_in_filter if name not in names]
    for name in rare[:MOST_LOOKED_FOR]:
        if not is_attribute(name):
            suggestion = suggestion_for(name, names)
            hint = gettext("No client has this attribute.")
            if suggestion in names:
                hint += " " + gettext("Did you mean %(meant)s?") % {"meant": suggestion}
            yield name, hint


def _mailing_hints(audience: Filter) -> Iterator[Hint]:
    """Yield the mailings whose recipients are not known yet."""
    included, excluded = (part.get("mailings", {}) for part in _parts(audience))
    ids = [*included.get("not_got", []), *excluded.get("got", [])]
    mailings = Mailing.objects.filter(id__in=ids) if ids else Mailing.objects.none()
    waiting = mailings.filter(state__in=BEFORE_THE_START)
    listing = mailings.filter(state__in=UNDER_WAY, enlisted_at=None)
    for mailing in (waiting | listing).order_by("id"):
        yield f"№ {mailing.id}", _(
            "The clients that it will reach are not known yet, and none of them is left out."
        )


def _parts(audience: Filter) -> tuple[Filter, Filter]:
    return audience, audience.get("exclude", {})


def _range_hints(audience: Filter) -> list[Hint]:
    """Return the attributes whose range cannot match any value, with the reason."""
    type_by_name = dict([item for part in _parts(audience) for item in _ranges(part)])
    declared = declared_types() if type_by_name else {}
    hints = (
        (name, _hint(name, type, declared.get(name, ""))) for name, type in type_by_name.items()
    )
    return [(name, hint) for name, hint in hints if hint is not None]


def _ranges(audience: Filter) -> Iterator[tuple[str, str]]:
    for name, expected in audience.get("attributes", {}).items():
        bounds = [expected[w] for w in ("gte", "lte") if w in expected] if _is_map(expected) else []
        if bounds:
            yield name, Type.DATE if isinstance(bounds[0], str) else Type.NUMBER


def _is_map(value: object) -> bool:
    return isinstance(value, Mapping)


def _hint(name: str, range_type: str, declared: str) -> Promise | None:
    if declared:
        return WRONG.get((declared, range_type))
    is_there, of_type, of_other = (
        _sampled(condition(name, sample_condition))
        for sample_condition in ({"present": True}, ALL[range_type], ALL[_other(range_type)])
    )
    if not is_there or of_type:
        return None
    return WRONG[_other(range_type), range_type] if of_other else IS_TEXT


def _other(type: str) -> str:
    return Type.NUMBER if type == Type.DATE else Type.DATE


def _sampled(sample_condition: Q) -> bool:
    """Return whether one of the first or the last clients matches."""
    clients = Client.objects.values("id")
    sampled = Q(id__in=clients.order_by("id")[:SAMPLED])
    sampled |= Q(id__in=clients.order_by("-id")[:SAMPLED])
    return Client.objects.order_by().filter(sampled).filter(sample_condition).exists()
