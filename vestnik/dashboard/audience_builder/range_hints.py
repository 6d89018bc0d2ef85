"""Why a range finds nobody: the attribute is of another type."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from vestnik.audience.attribute_types import Type, declared_types
from vestnik.audience.filters.conditions import condition
from vestnik.audience.filters.selection import Filter
from vestnik.audience.models import Client

SAMPLED = 1000
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


def range_hints(audience: Filter) -> list[tuple[str, Promise]]:
    """The attributes of which a range is asked that none of them can fit, and why."""
    asked = dict([*_ranges(audience), *_ranges(audience.get("exclude", {}))])
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
