"""Two people have changed the same field of a mailing: both values are shown, and none is lost."""

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from vestnik.dashboard.mailings.edit.editor import Sheet, fields_of
from vestnik.dashboard.templatetags.vestnik import number
from vestnik.dashboard.web import dirty_fields
from vestnik.dashboard.wording.bidi import isolated
from vestnik.dashboard.wording.filter_text import in_words
from vestnik.dashboard.wording.moments import written
from vestnik.mailings.models import Mailing

#: Where on the page it stands, if not at the field of the same name.
PLACES = {"local_hours": "hours_from"}


def tell_rivals(sheet: Sheet, now: Mailing) -> bool:
    """Say at each field what somebody else has made of it, if anybody has; the next time that it
    is sent the page has shown it."""
    names = sheet.conflicts(now)
    for name in names:
        words = told_of(now, name)
        if name == "filter":
            sheet.audience.warnings.append(words)
        else:
            sheet.form.add_error(PLACES.get(name, name), words)
    sheet.marks = dirty_fields.renewed(sheet.marks, fields_of(now), names)
    return bool(names)


def told_of(now: Mailing, name: str) -> str:
    """What is said at a field of a mailing that somebody else has changed."""
    changes = now.events.filter(
        event="change", reason_details__params__fields__contains=name
    ).order_by("-id")
    actor = changes.values_list("actor", flat=True).first() or ""
    return dirty_fields.told(actor, SHOWN[name](getattr(now, name)))


def _plain(value: Any) -> str:
    return f"“{isolated(value)}”" if value else _("empty")


def _hours(value: Mapping[str, str] | None) -> str:
    return f"{value['from']}–{value['until']}" if value else _("at any hour")


def _rate(value: int | None) -> str:
    return number(value) if value else _("as fast as the provider takes them")


SHOWN: Mapping[str, Callable[[Any], str]] = {
    "name": _plain,
    "text": _plain,
    "starts_at": written,
    "ends_at": written,
    "local_hours": _hours,
    "provider": _plain,
    "rate_limit": _rate,
    "filter": lambda audience: "; ".join(in_words(audience)),
}
