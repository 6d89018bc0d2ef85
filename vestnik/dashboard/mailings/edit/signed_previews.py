"""Signed counts, which prove that a page showed them before it was submitted."""

import hashlib
import json
from datetime import datetime
from typing import Any

from django.core import signing

from vestnik.audience.filters.selection import Filter

COUNTED = "counted"
SALT = "what a page has shown"
#: The tolerance is one in this many clients; below this number there is none.
ONE_IN = 100


def is_near(shown: int, now: int) -> bool:
    """Return whether a count is still what was shown, within the tolerance."""
    return abs(shown - now) <= max(shown, 0) // ONE_IN


def sign(audience: Filter, messages: int) -> str:
    """Return the signed count of an audience."""
    return signing.dumps([mark_of(audience), messages], salt=SALT)


def is_signed(proof: str, audience: Filter, messages: int) -> bool:
    """Return whether the page showed the current count of this audience."""
    try:
        mark, shown_count = signing.loads(proof, salt=SALT)
    except (signing.BadSignature, TypeError, ValueError):
        return False
    return (
        mark == mark_of(audience)
        and isinstance(shown_count, int)
        and is_near(shown_count, messages)
    )


def mark_of(value: Any) -> str:
    """Return a digest of the content, independent of its spelling."""
    canonical = json.dumps(value, sort_keys=True, default=_instant)
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def _instant(value: object) -> str:
    """Return a time as its timestamp, so that different spellings of it are equal."""
    if not isinstance(value, datetime):
        raise TypeError(value)
    return str(value.timestamp())
