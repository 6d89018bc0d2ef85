"""Validation of clients: the same rules for one client, for a list and for a form."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from itertools import islice
from typing import Any
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from vestnik.audience.phone import (
    operator_code_of,
    validate_client_number,
    validate_operator_code,
)

LONGEST_TAG = 100
#: Bytes of a client's attributes as JSON. A filter reads them all, so large values would slow down
#: every count.
MOST_ATTRIBUTE_BYTES = 16 * 1024
#: Levels of nesting; pages and exports show nested values as JSON.
DEEPEST_ATTRIBUTES = 8
#: Per client; an item may have 100,000 unknown keys.
MOST_PROBLEMS = 20
#: Names of the tz database that are not zones of a place.
NOT_ZONES = frozenset({"localtime", "Factory"})

Problem = tuple[str, str]


@cache
def timezones() -> frozenset[str]:
    """Return the names of all zones; cached, since reading them is slow."""
    return frozenset(available_timezones() - NOT_ZONES)


def validate_timezone(value: str) -> None:
    """Raise ValidationError unless it is the name of a zone of the IANA database."""
    if value not in timezones():
        raise ValidationError(_("Name a zone of the IANA database, for example Europe/Moscow."))


def validate_tag(value: str) -> None:
    """Raise ValidationError if the tag is too long."""
    if len(value) > LONGEST_TAG:
        remedy = _("Shorten it to at most %(most)s characters.")
        raise ValidationError(remedy % {"most": LONGEST_TAG})


def validate_attributes(value: object) -> None:
    """Raise ValidationError unless it is an object that PostgreSQL can store, within the limits.

    The limits are MOST_ATTRIBUTE_BYTES of JSON and DEEPEST_ATTRIBUTES levels.
    """
    if not isinstance(value, dict):
        raise ValidationError(_('Give an object, for example {"city": "Казань"}.'))
    if _depth(value) > DEEPEST_ATTRIBUTES:
        remedy = _("Nest it at most %(most)s levels deep.")
        raise ValidationError(remedy % {"most": DEEPEST_ATTRIBUTES})
    if len(_written(value)) > MOST_ATTRIBUTE_BYTES:
        remedy = _("Shorten it to at most %(most)s KiB of JSON.")
        raise ValidationError(remedy % {"most": MOST_ATTRIBUTE_BYTES // 1024})


def _written(value: object) -> bytes:
    try:
        encoded = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        raise ValidationError(
            _("Leave out the unpaired surrogate: it is half a character.")
        ) from None
    except ValueError:
        raise ValidationError(_("Give finite numbers: one is too large.")) from None
    if b"\\u0000" in encoded and _holds_nul(value):
        raise ValidationError(_("Leave out the NUL character."))
    return encoded


def _holds_nul(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_nul, [*value, *value.values()]))
    return any(map(_holds_nul, value)) if isinstance(value, list) else "\x00" in str(value)


def _depth(value: object) -> int:
    if not isinstance(value, dict | list):
        return 0
    inner = value.values() if isinstance(value, dict) else value
    return 1 + max(map(_depth, inner), default=0)


CHECKS: dict[str, Callable[[Any], None]] = {
    "phone_number": validate_client_number,
    "operator_code": validate_operator_code,
    "tag": validate_tag,
    "timezone": validate_timezone,
    "attributes": validate_attributes,
}


def problems_of(item: object) -> list[Problem]:
    """Return the problems of one client of a list: pairs of field and remedy."""
    if not isinstance(item, dict):
        return [("", 'Give an object, for example {"phone_number": "79261234567"}.')]
    # Not a serializer per item: for a list of 10,000 that takes seconds.
    wrong = ((name, problem) for name in item if (problem := _problem(name, item[name])))
    problems = list(islice(wrong, MOST_PROBLEMS))
    if "phone_number" not in item:
        problems.append(("phone_number", "This field is required: give it."))
    return problems


def _problem(name: str, value: object) -> str:
    if name not in CHECKS:
        return f"There is no such field. Known are: {', '.join(CHECKS)}."
    if name != "attributes" and not isinstance(value, str):
        return "Give a string."
    try:
        CHECKS[name](value)
    except ValidationError as error:
        return str(error.message)
    return ""


def completed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a new client, with the operator code of its number."""
    return {"operator_code": operator_code_of(fields["phone_number"]), **fields}


def follow_number(old_number: str, old_code: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes; the operator code follows a new number unless it was ported."""
    number = changes.get("phone_number", old_number)
    is_new = number != old_number and "operator_code" not in changes
    if is_new and old_code == operator_code_of(old_number):
        return {**changes, "operator_code": operator_code_of(number)}
    return dict(changes)
