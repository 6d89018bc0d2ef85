"""What a page showed of a thing, so that only what was changed on the page is written.

<input type="hidden" name="shown" value="{{ shown }}">         marks_of({"name": …, "tag": …})
changes = changed({"name": …, "tag": …}, request.POST["shown"])

Two people may have the same page open: what one of them has not touched must not go back to what
it was when they opened it.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

FIELD = "shown"


def marks_of(fields: Mapping[str, Any]) -> str:
    """A mark of each value, for the page to carry."""
    return json.dumps({name: _mark(value) for name, value in fields.items()})


def changed(fields: Mapping[str, Any], marks: str) -> dict[str, Any]:
    """Those of the fields that are not as the page showed them."""
    known = read(marks)
    return {name: value for name, value in fields.items() if known.get(name) != _mark(value)}


def read(marks: str) -> Mapping[str, Any]:
    """The marks by name; none where it is nothing of ours."""
    try:
        known = json.loads(marks)
    except (ValueError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}


def _mark(value: Any) -> str:
    if isinstance(value, datetime):  # of which pages show the minute
        value = value.astimezone(UTC).replace(second=0, microsecond=0).isoformat()
    written = json.dumps(value, sort_keys=True)
    return hashlib.sha256(written.encode()).hexdigest()[:12]
