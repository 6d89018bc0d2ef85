"""Values of attributes, from the text that a user typed; a value that was there keeps its type."""

import json
import math
import re
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from vestnik.audience.filters.rules import is_comparison
from vestnik.audience.importing.columns import cell_types
from vestnik.audience.importing.columns.cell_types import FULL_YEAR
from vestnik.dashboard.wording.typed_numbers import normalise, number_text

NUMBER = re.compile(r"[-−]?[0-9]{1,15}(?:[.,][0-9]{1,9})?", re.ASCII)
DAYS = ("%Y-%m-%d", "%d.%m.%Y")
#: The words for booleans, as on a client's page.
YES, NO = ("yes", "true", "да"), ("no", "false", "нет")
SHOWN_YES, SHOWN_NO = ("yes", "да"), ("no", "нет")


def interpretations(written: str, language: str = "") -> list[Any]:
    """Return the values that this text may stand for on a page in the language.

    42 may be a number or a text, yes a `true`, and the pages show 2026-03-31 as 31.03.2026.
    """
    word = written.casefold()
    if word in YES or word in NO:
        return [written, word in YES]
    values = (_number(written, language), _day(written))
    return [written, *(value for value in values if value not in (None, written))]


def _number(written: str, language: str) -> int | float | None:
    """Return the number, also from a decimal comma or grouped digits; 007 and 1.50 are texts."""
    for digits in (written, normalise(written, language)):
        try:
            number: int | float = float(digits) if "." in digits else int(digits)
        except ValueError:
            continue
        if str(number) == digits:
            return number
    return None


def _day(written: str) -> str | None:
    """Return the date as an import stores it; with a two-digit year it may be an article number."""
    if not FULL_YEAR.search(written):
        return None
    try:
        return cell_types.day(written)
    except ValueError:
        return None


def restore_types(written: str, was: Any, language: str = "") -> list[Any]:
    """Return the value; one that was in the row before keeps its type."""
    before = was if isinstance(was, list) else [was]
    same = [one for one in before if _is_value(one) and written in _writings(one, language)]
    return same or interpretations(written, language)


def _writings(one: Any, language: str) -> tuple[str, ...]:
    """Return how a row shows a value."""
    if isinstance(one, bool):
        return SHOWN_YES if one else SHOWN_NO
    # A fraction that is there as a text too is shown once, as that text.
    return (number_text(one, language), str(one)) if isinstance(one, float) else (str(one),)


def _is_value(one: Any) -> bool:
    return "\x00" not in one if isinstance(one, str) else isinstance(one, bool | int | float)


def parse_previous(carried: str) -> tuple[str, Any]:
    """Return the attribute and its previous condition from a row; None if it is malformed."""
    try:
        name, previous = json.loads(carried, parse_constant=_finite, parse_float=_finite)
    except (ValueError, TypeError, RecursionError):
        return "", None
    values = previous if isinstance(previous, list) else [previous]
    fits = all(map(_is_value, values)) or (isinstance(previous, dict) and is_comparison(previous))
    return (name, previous) if isinstance(name, str) and values and fits else ("", None)


def _finite(written: str) -> float:
    number = float(written)
    if not math.isfinite(number):
        raise ValueError(written)
    return number


def bound(written: str, language: str = "") -> int | float | str | None:
    """Return a number, or a date as YYYY-MM-DD; None for an empty text. Raises ValidationError."""
    if not written:
        return None
    number = normalise(written, language)
    if NUMBER.fullmatch(number):
        return float(number) if "." in number else int(number)
    for form in DAYS:
        try:
            return datetime.strptime(written, form).date().isoformat()  # noqa: DTZ007  (a day)
        except ValueError:
            continue
    raise ValidationError(_("Write a number, or a date as 2026-03-31 or 31.03.2026."))
