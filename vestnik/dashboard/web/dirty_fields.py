"""What a page showed of a thing, so that only what was changed on the page is written.

<input type="hidden" name="shown" value="{{ shown }}">         marks_of({"name": …, "tag": …})
changes = changed({"name": …, "tag": …}, request.POST["shown"])
both = conflicts({"name": …, "tag": …}, request.POST["shown"], now={"name": …, "tag": …})

Two people may have the same page open: what one of them has not touched must not go back to what
it was when they opened it, and where both have changed the same field the last one is asked.
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
    """A mark of each value, for the page to carry."""
    return json.dumps({name: _mark(value) for name, value in fields.items()})


def changed_fields(fields: Mapping[str, Any], marks: str) -> dict[str, Any]:
    """Those of the fields that are not as the page showed them."""
    shown_marks = parse_marks(marks)
    return {name: value for name, value in fields.items() if shown_marks.get(name) != _mark(value)}


def conflicts(fields: Mapping[str, Any], marks: str, now: Mapping[str, Any]) -> list[str]:
    """The names of those that were changed on the page, and meanwhile to something else by
    somebody else."""
    touched, shown_marks = changed_fields(fields, marks), parse_marks(marks)
    return [
        name
        for name, value in touched.items()
        if name in now
        and name in shown_marks
        and _mark(now[name]) not in (shown_marks[name], _mark(value))
    ]


def refresh_marks(marks: str, now: Mapping[str, Any], names: Iterable[str]) -> str:
    """The marks once the page has shown these as they are now."""
    return json.dumps({**parse_marks(marks), **{name: _mark(now[name]) for name in names}})


def conflict_text(actor: str, theirs: str) -> str:
    """What is said where two have changed the same; `actor` as events name them, if it is known."""
    who = _("%(who)s has changed this meanwhile.") % {"who": isolate(actor.removeprefix("user:"))}
    return " ".join(
        (
            who if actor else _("Somebody else has changed this meanwhile."),
            _("Now it is: %(value)s.") % {"value": theirs},
            _("Save again to put what is written here in its place."),
        )
    )


def parse_marks(marks: str) -> Mapping[str, Any]:
    """The marks by name; none where it is nothing of ours."""
    try:
        parsed = json.loads(marks)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _mark(value: Any) -> str:
    if isinstance(value, datetime):  # of which pages show the minute
        value = value.astimezone(UTC).replace(second=0, microsecond=0).isoformat()
    canonical = json.dumps(value, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]
