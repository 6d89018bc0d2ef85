"""Reasons in the reader's language."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.utils import translation

from vestnik.reasons.catalogue import TEXTS
from vestnik.reasons.reason import Reason

#: By the name of a parameter: a function that names its value for the reader.
Names = Mapping[str, Callable[[Any], str]]


def translated(reason: Reason, names: Names | None = None) -> str:
    """Return the reason's text for pages; `names` translates parameters."""
    params = {name: _written(name, value, names or {}) for name, value in reason.params.items()}
    return TEXTS[reason.code].on_pages % params


def decimal(value: float) -> str:
    """Return a number without needless zeros, with the decimal sign of the active language."""
    plain = f"{value:g}"
    return plain.replace(".", ",") if translation.get_language() == "ru" else plain


def _written(name: str, value: Any, names: Names) -> str:
    if isinstance(value, Reason):
        return translated(value, names)
    if name in names:
        return names[name](value)
    if isinstance(value, float):
        return decimal(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(value)
    return str(value)
