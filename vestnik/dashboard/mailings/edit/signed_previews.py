"""What a page has shown, signed, so that what is sent is known to be what was counted."""

import hashlib
import json
from datetime import datetime
from typing import Any

from django.core import signing

from vestnik.audience.filters.selection import Filter

COUNTED = "counted"
SALT = "what a page has shown"
#: The count may have changed by one in so many since it was shown: none at all below this.
ONE_IN = 100


def is_near(shown: int, now: int) -> bool:
    """Whether a count is still what was shown, within the bound."""
    return abs(shown - now) <= max(shown, 0) // ONE_IN


def sign(audience: Filter, messages: int) -> str:
    """What a page carries that shows how many an audience is."""
    return signing.dumps([mark_of(audience), messages], salt=SALT)


def is_signed(proof: str, audience: Filter, messages: int) -> bool:
    """Whether the count that a page showed is the count of this audience now."""
    try:
        mark, shown = signing.loads(proof, salt=SALT)
    except (signing.BadSignature, TypeError, ValueError):
        return False
    return mark == mark_of(audience) and isinstance(shown, int) and is_near(shown, messages)


def mark_of(value: Any) -> str:
    """The same for the same content, however it is spelled."""
    written = json.dumps(value, sort_keys=True, default=_instant)
    return hashlib.sha256(written.encode()).hexdigest()[:32]


def _instant(value: object) -> str:
    """Instants are kept to the microsecond: two spellings of one are the same."""
    if not isinstance(value, datetime):
        raise TypeError(value)
    return str(value.timestamp())
