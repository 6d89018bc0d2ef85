"""An audience filter in words."""

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
from vestnik.dashboard.wording.typed_numbers import number_text

#: The number of listed values; the rest is counted.
MOST_NAMED = 8


def describe(audience: Filter) -> list[str]:
    """Return a line per condition, all of which must hold; never empty."""
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
    for name, expected in audience.get("attributes", {}).items():
        yield _attribute(name, expected)
    for word, ids in audience.get("mailings", {}).items():
        yield MAILING_WORDS[word] % {"mailings": alternatives(f"№ {id}" for id in ids)}


MAILING_WORDS = {
    "got": gettext_lazy("got mailing %(mailings)s"),
    "not_got": gettext_lazy("did not get mailing %(mailings)s"),
    "answered": gettext_lazy("answered mailing %(mailings)s"),
}


def _tags(tags: Sequence[str]) -> str:
    quoted_tags = [_("“%(tag)s”") % {"tag": isolate(tag)} for tag in tags if tag]
    if not quoted_tags:
        return _("without a tag")
    tags_text = _("tag %(tags)s") % {"tags": alternatives(quoted_tags)}
    return (
        tags_text if len(quoted_tags) == len(tags) else _("%(this)s or none") % {"this": tags_text}
    )


def _attribute(name: str, expected: Any) -> str:
    name = isolate(name)
    if not isinstance(expected, Mapping):
        values = alternatives(expected if isinstance(expected, list) else [expected])
        return _("%(name)s = %(values)s") % {"name": name, "values": values}
    bounds = {word: value(expected[word]) for word in ("gte", "lte") if word in expected}
    if bounds:
        return _range(name, bounds)
    if expected.get("present", True):
        return _("%(name)s is given") % {"name": name}
    return _("%(name)s is not given") % {"name": name}


def _range(name: str, bounds: Mapping[str, str]) -> str:
    params = {"name": name, **bounds}
    if len(bounds) == 2:
        return _("%(name)s from %(gte)s to %(lte)s") % params
    if "gte" in bounds:
        return _("%(name)s from %(gte)s") % params
    return _("%(name)s up to %(lte)s") % params


def alternatives(values: Iterable[Any]) -> str:
    """Return `905, 916 or 926`; of many values the first ones and the number of the others."""
    texts = list(dict.fromkeys(map(value, without_pairs([*values]))))
    if len(texts) > MOST_NAMED:
        more = len(texts) - MOST_NAMED
        rest = ngettext("%(count)d more", "%(count)d more", more) % {"count": more}
        texts = [*texts[:MOST_NAMED], rest]
    *first, last = texts
    return _("%(first)s or %(last)s") % {"first": ", ".join(first), "last": last} if first else last


def without_pairs(values: Sequence[Any]) -> list[Any]:
    """Leave out a number that is there as a text too, as the builder adds it: 2.5 and "2.5"."""
    return [one for one in values if not (isinstance(one, float) and str(one) in values)]


def value(item: Any) -> str:
    """Return a filter's value as pages show it."""
    if isinstance(item, bool):
        return _("yes") if item else _("no")
    if isinstance(item, float):
        return number_text(item)
    if isinstance(item, str) and (day := _day(item)):
        return date_format(day, "d.m.Y" if get_language() == "ru" else "j M Y")
    return isolate(item)


def _day(written: str) -> date | None:
    try:
        return date.fromisoformat(written) if DAY.fullmatch(written) else None
    except ValueError:
        return None
