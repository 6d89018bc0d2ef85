"""Reasons in the reader's language."""

from collections.abc import Mapping, Sequence

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from vestnik.dashboard.wording.state_labels import FIELDS, MESSAGE_STATES
from vestnik.reasons.reason import Reason
from vestnik.reasons.translation import Names, decimal, translated

#: Names of the fields of a file.
COLUMNS: Mapping[str, Promise] = {
    "phone_number": gettext_lazy("Phone number"),
    "operator_code": gettext_lazy("Prefix"),
    "tag": gettext_lazy("Tag"),
    "timezone": gettext_lazy("Time zone"),
    "reason": gettext_lazy("Reason"),
}


def said(reason: str | None) -> str:
    """Return a reason in the reader's language; a user's own text as it is."""
    return translated(reason, NAMES) if isinstance(reason, Reason) else reason or ""


def _states(names: Sequence[str]) -> str:
    return _(" and ").join(str(MESSAGE_STATES.get(name, name)) for name in names)


def _fields(names: Sequence[str]) -> str:
    return ", ".join(str(FIELDS.get(name, name)).lower() for name in names)


def _field(name: str) -> str:
    return str(COLUMNS.get(name, name.removeprefix("attributes.")))


def _seconds(value: float | str) -> str:
    """Format seconds, which some reasons store as text."""
    try:
        return decimal(float(value))
    except ValueError:
        return str(value)


NAMES: Names = {"states": _states, "fields": _fields, "field": _field, "seconds": _seconds}
