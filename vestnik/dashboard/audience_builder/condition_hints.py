"""Conditions that may not mean what was meant: a range that finds nobody since the attribute is of
another type, an attribute that nobody has, a mailing that nobody has got yet."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from vestnik.audience.attribute_types import Type, declared_types
from vestnik.audience.filters.conditions import condition
from vestnik.audience.filters.selection import Filter, attribute_names, is_attribute
from vestnik.audience.models import Client
from vestnik.mailings.models import BEFORE_THE_START, UNDER_WAY, Mailing
from vestnik.mailings.text_warnings import suggestion_for

Hint = tuple[str, Promise | str]

SAMPLED = 1000
#: Each is looked for among all clients.
MOST_LOOKED_FOR = 5
IS_TEXT = _(
    "0: this attribute is text, and no range finds it. Declare its type, or import it as a number "
    "or a date."
)
WRONG: dict[tuple[str, str], Promise] = {
    (Type.TEXT, Type.NUMBER): IS_TEXT,
    (Type.TEXT, Type.DATE): IS_TEXT,
    (Type.BOOLEAN, Type.NUMBER): _("0: this attribute holds yes or no, and no range finds it."),
    (Type.BOOLEAN, Type.DATE): _("0: this attribute holds yes or no, and no range finds it."),
    (Type.DATE, Type.NUMBER): _("0: this attribute holds dates: give dates."),
    (Type.NUMBER, Type.DATE): _("0: this attribute holds numbers: give numbers."),
}
#: Ranges that find whatever is of the type.
ALL: dict[str, dict[str, Any]] = {Type.NUMBER: {"gte": -1e300}, Type.DATE: {"gte": "0001-01-01"}}


def condition_hints(audience: Filter) -> list[Hint]:
    """What a condition is about, and what is to be known of it."""
    unknown = list(_unknown_attributes(audience))
    missing = {name for name, _hint in unknown}
    ranges = [hint for hint in _range_hints(audience) if hint[0] not in missing]
    return [*unknown, *ranges, *_mailing_hints(audience)]


def _unknown_attributes(audience: Filter) -> Iterator[Hint]:
    """Attributes that no client has: an exception by one takes nobody away."""
    asked = dict.fromkeys(name for part in _parts(audience) for name in part.get("attributes", {}))
    names = attribute_names() if asked else []
    rare = [name for name in asked if name not in names]
    for name in rare[:MOST_LOOKED_FOR]:
        if not is_attribute(name):
            meant = suggestion_for(name, names)
            hint = gettext("No client has this attribute.")
            if meant in names:
                hint += " " + gettext("Did you mean %(meant)s?") % {"meant": meant}
            yield name, hint


def _mailing_hints(audience: Filter) -> Iterator[Hint]:
    """Mailings of which it is not known yet who gets them."""
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
    """The attributes of which a range is asked that none of them can fit, and why."""
    asked = dict([one for part in _parts(audience) for one in _ranges(part)])
    declared = declared_types() if asked else {}
    found = ((name, _hint(name, type, declared.get(name, ""))) for name, type in asked.items())
    return [(name, hint) for name, hint in found if hint is not None]


def _ranges(audience: Filter) -> Iterator[tuple[str, str]]:
    for name, wanted in audience.get("attributes", {}).items():
        bounds = [wanted[w] for w in ("gte", "lte") if w in wanted] if _is_map(wanted) else []
        if bounds:
            yield name, Type.DATE if isinstance(bounds[0], str) else Type.NUMBER


def _is_map(wanted: object) -> bool:
    return isinstance(wanted, Mapping)


def _hint(name: str, asked: str, declared: str) -> Promise | None:
    if declared:
        return WRONG.get((declared, asked))
    is_there, of_type, of_other = (
        _sampled(condition(name, wanted))
        for wanted in ({"present": True}, ALL[asked], ALL[_other(asked)])
    )
    if not is_there or of_type:
        return None
    return WRONG[_other(asked), asked] if of_other else IS_TEXT


def _other(type: str) -> str:
    return Type.NUMBER if type == Type.DATE else Type.DATE


def _sampled(wanted: Q) -> bool:
    """Whether one of the first or the last clients fits."""
    clients = Client.objects.values("id")
    sampled = Q(id__in=clients.order_by("id")[:SAMPLED])
    sampled |= Q(id__in=clients.order_by("-id")[:SAMPLED])
    return Client.objects.order_by().filter(sampled).filter(wanted).exists()
