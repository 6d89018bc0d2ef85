"""Why something is as it is, in the reader's language."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from vestnik.dashboard.wording.state_labels import FIELDS, MESSAGE_STATES
from vestnik.reasons.catalogue import TEXTS
from vestnik.reasons.reason import Reason


def said(reason: str | None) -> str:
    """A reason as the reader understands it; a text of somebody's own as it is."""
    if not isinstance(reason, Reason):
        return reason or ""
    params = {name: _written(name, value) for name, value in reason.params.items()}
    return str(TEXTS[reason.code].on_pages % params)


def _written(name: str, value: Any) -> str:
    if isinstance(value, str):
        return said(value)
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Sequence):
        return LISTS[name](value) if name in LISTS else ", ".join(value)
    return str(value)


def _states(names: Sequence[str]) -> str:
    return _(" and ").join(str(MESSAGE_STATES.get(name, name)) for name in names)


def _fields(names: Sequence[str]) -> str:
    return ", ".join(str(FIELDS.get(name, name)).lower() for name in names)


#: Lists of names that the reader knows by another word.
LISTS: Mapping[str, Callable[[Sequence[str]], str]] = {"states": _states, "fields": _fields}
