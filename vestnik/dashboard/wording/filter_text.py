"""An audience filter in words, as a person would say it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from vestnik.audience.filters.rules import DAY
from vestnik.audience.filters.selection import Filter
from vestnik.dashboard.wording.bidi import isolate
from vestnik.dashboard.wording.state_labels import MESSAGE_STATES

#: Of a longer list the rest is only counted.
MOST_NAMED = 8


def describe(audience: Filter) -> list[str]:
    """A line for each condition, all of which have to hold; never empty."""
    lines = list(_describe_follow_up(audience.get("again"))) + list(_conditions(audience))
    if excluded := list(_conditions(audience.get("exclude", {}))):
        lines.append(_("except: %(whom)s") % {"whom": _(" and ").join(excluded)})
    return lines or [_("all clients")]


def _describe_follow_up(again: Mapping[str, Any] | None) -> Iterator[str]:
    if again:
        states = ", ".join(str(MESSAGE_STATES.get(state, state)) for state in again["states"])
        yield _("messages of mailing %(mailing)s: %(states)s") % {
            "mailing": f"№ {again['mailing']}",
            "states": states,
        }


def _conditions(audience: Filter) -> Iterator[str]:
    if codes := audience.get("operator_codes"):
        yield _("prefix %(codes)s") % {"codes": alternatives(codes)}
    if tags := audience.get("tags"):
        yield _tags(tags)
    for name, wanted in audience.get("attributes", {}).items():
        yield _attribute(name, wanted)
    for word, ids in audience.get("mailings", {}).items():
        yield MAILING_WORDS[word] % {"mailings": alternatives(f"№ {id}" for id in ids)}


MAILING_WORDS = {
    "got": gettext_lazy("got mailing %(mailings)s"),
    "not_got": gettext_lazy("did not get mailing %(mailings)s"),
    "answered": gettext_lazy("answered mailing %(mailings)s"),
}


def _tags(tags: Sequence[str]) -> str:
    named = [_("“%(tag)s”") % {"tag": isolate(tag)} for tag in tags if tag]
    if not named:
        return _("without a tag")
    said = _("tag %(tags)s") % {"tags": alternatives(named)}
    return said if len(named) == len(tags) else _("%(this)s or none") % {"this": said}


def _attribute(name: str, wanted: Any) -> str:
    name = isolate(name)
    if not isinstance(wanted, Mapping):
        values = alternatives(wanted if isinstance(wanted, list) else [wanted])
        return _("%(name)s = %(values)s") % {"name": name, "values": values}
    bounds = {word: value(wanted[word]) for word in ("gte", "lte") if word in wanted}
    if bounds:
        return _range(name, bounds)
    if wanted.get("present", True):
        return _("%(name)s is given") % {"name": name}
    return _("%(name)s is not given") % {"name": name}


def _range(name: str, bounds: Mapping[str, str]) -> str:
    said = {"name": name, **bounds}
    if len(bounds) == 2:
        return _("%(name)s from %(gte)s to %(lte)s") % said
    if "gte" in bounds:
        return _("%(name)s from %(gte)s") % said
    return _("%(name)s up to %(lte)s") % said


def alternatives(values: Iterable[Any]) -> str:
    """`905, 916 or 926`; of many only the first, and how many more there are."""
    said = list(dict.fromkeys(map(value, values)))
    if len(said) > MOST_NAMED:
        more = len(said) - MOST_NAMED
        rest = ngettext("%(count)d more", "%(count)d more", more) % {"count": more}
        said = [*said[:MOST_NAMED], rest]
    *first, last = said
    return _("%(first)s or %(last)s") % {"first": ", ".join(first), "last": last} if first else last


def value(wanted: Any) -> str:
    """A value of a filter as it is written on a page."""
    if isinstance(wanted, bool):
        return _("yes") if wanted else _("no")
    if isinstance(wanted, str) and (day := _day(wanted)):
        return date_format(day, "d.m.Y" if get_language() == "ru" else "j M Y")
    return isolate(wanted)


def _day(written: str) -> date | None:
    try:
        return date.fromisoformat(written) if DAY.fullmatch(written) else None
    except ValueError:
        return None
