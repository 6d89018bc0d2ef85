"""Marks of the values that a page showed, so that only changed fields are written.

<input type="hidden" name="shown" value="{{ shown }}">         marks_of({"name": …, "tag": …})
changes = changed({"name": …, "tag": …}, request.POST["shown"])
both = conflicts({"name": …, "tag": …}, request.POST["shown"], now={"name": …, "tag": …})

Two users may have the same page open. A field that one of them has not touched must not revert to
its old value; if both have changed the same field, the second is asked.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _

from vestnik.dashboard.wording.bidi import isolate

FIELD = "shown"


def marks_of(fields: Mapping[str, Any]) -> str:
    """Return a mark of each value, for a hidden field of the page."""
    return json.dumps({name: _mark(value) for name, value in fields.items()})


def changed_fields(fields: Mapping[str, Any], marks: str) -> dict[str, Any]:
    """Return the fields that differ from what the page showed."""
    shown_marks = parse_marks(marks)
    return {name: value for name, value in fields.items() if shown_marks.get(name) != _mark(value)}


def conflicts(fields: Mapping[str, Any], marks: str, now: Mapping[str, Any]) -> list[str]:
    """Return the names of fields that were changed both on the page and by another user."""
    touched, shown_marks = changed_fields(fields, marks), parse_marks(marks)
    return [
        name
        for name, value in touched.items()
        if name in now
        and name in shown_marks
        and _mark(now[name]) not in (shown_marks[name], _mark(value))
    ]


def refresh_marks(marks: str, now: Mapping[str, Any], names: Iterable[str]) -> str:
    """Return the marks after the page has shown the current values of these fields."""
    return json.dumps({**parse_marks(marks), **{name: _mark(now[name]) for name in names}})


def conflict_text(actor: str, theirs: str) -> str:
    """Return the text about a conflict; `actor` is as in events, empty if unknown."""
    who = _("%(who)s has changed this in the meantime.") % {
        "who": isolate(actor.removeprefix("user:"))
    }
    return " ".join(
        (
            who if actor else _("Another user has changed this in the meantime."),
            _("Now it is: %(value)s.") % {"value": theirs},
            _("Save again to replace it with your value."),
        )
    )


def parse_marks(marks: str) -> Mapping[str, Any]:
    """Return the marks by name; empty if they are malformed."""
    try:
        decoded = json.loads(marks)
    except (ValueError, RecursionError):
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _mark(value: Any) -> str:
    if isinstance(value, datetime):  # pages show the minute
        value = value.astimezone(UTC).replace(second=0, microsecond=0).isoformat()
    canonical = json.dumps(value, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]
