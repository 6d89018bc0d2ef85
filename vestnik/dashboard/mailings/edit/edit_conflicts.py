"""Edit conflicts: two users changed the same field; both values are shown, and none is lost."""

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from vestnik.dashboard.mailings.edit.editor import MailingEditor, fields_of
from vestnik.dashboard.templatetags.vestnik import number
from vestnik.dashboard.web import dirty_fields
from vestnik.dashboard.wording.bidi import isolate
from vestnik.dashboard.wording.filter_text import describe
from vestnik.dashboard.wording.moments import format_moment
from vestnik.mailings.models import Mailing

#: The field that shows the problem, if it has another name.
PLACES = {"local_hours": "hours_from"}


def report_conflicts(editor: MailingEditor, now: Mailing) -> bool:
    """Attach to each field what another user made of it; return whether there is any.

    The next submission of the page replaces those values.
    """
    names = editor.conflicts(now)
    for name in names:
        words = conflict_texts(now, name)
        if name == "filter":
            editor.audience.warnings.append(words)
        else:
            editor.form.add_error(PLACES.get(name, name), words)
    editor.marks = dirty_fields.refresh_marks(editor.marks, fields_of(now), names)
    return bool(names)


def conflict_texts(now: Mailing, name: str) -> str:
    """Return the text at a field that another user has changed."""
    changes = now.events.filter(
        event="change", reason_details__params__fields__contains=name
    ).order_by("-id")
    actor = changes.values_list("actor", flat=True).first() or ""
    return dirty_fields.conflict_text(actor, SHOWN[name](getattr(now, name)))


def _plain(value: Any) -> str:
    return f"“{isolate(value)}”" if value else _("empty")


def _hours(value: Mapping[str, str] | None) -> str:
    return f"{value['from']}–{value['until']}" if value else _("at any hour")


def _rate(value: int | None) -> str:
    return number(value) if value else _("as fast as the provider takes them")


SHOWN: Mapping[str, Callable[[Any], str]] = {
    "name": _plain,
    "text": _plain,
    "starts_at": format_moment,
    "ends_at": format_moment,
    "local_hours": _hours,
    "provider": _plain,
    "rate_limit": _rate,
    "filter": lambda audience: "; ".join(describe(audience)),
}
