"""The rules of a row's fields, and the refusal of a row that breaks one."""

from collections.abc import Callable, Mapping
from functools import lru_cache

from django.core.exceptions import ValidationError

from vestnik.audience.numbering.zone_words import zone_named
from vestnik.audience.phone import validate_operator_code
from vestnik.audience.stop_list import LONGEST_REASON
from vestnik.audience.validation import LONGEST_TAG, validate_tag
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

ZONE = Reason(Code.ZONE_WRONG)


class Refused(Exception):
    """Raised when a row is refused; the reason contains the remedy."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        super().__init__(reason)


@lru_cache(4096)
def is_valid(validate: Callable[[str], None], value: str) -> bool:
    """Return whether the value is valid; cached, since few values repeat over millions of rows."""
    try:
        validate(value)
    except ValidationError:
        return False
    return True


def validate_reason(value: str) -> None:
    """Raise ValidationError if the reason is too long."""
    if len(value) > LONGEST_REASON:
        raise ValidationError(f"Shorten it to at most {LONGEST_REASON} characters.")


def validate_zone(value: str) -> None:
    """Raise ValidationError unless the words name a time zone."""
    if zone_named(value) is None:
        raise ValidationError(ZONE)


RULES: dict[str, Callable[[str], None]] = {
    "operator_code": validate_operator_code,
    "tag": validate_tag,
    "timezone": validate_zone,
    "reason": validate_reason,
}
#: The reason of the refusal.
WRONG: Mapping[str, Reason] = {
    "operator_code": Reason(Code.OPERATOR_CODE_WRONG),
    "tag": Reason(Code.VALUE_TOO_LONG, most=LONGEST_TAG),
    "timezone": ZONE,
    "reason": Reason(Code.VALUE_TOO_LONG, most=LONGEST_REASON),
}


def refusal(field: str, reason: str) -> Refused:
    """Return the exception that refuses a row because of this field."""
    return Refused(Reason(Code.FIELD_WRONG, field=field, reason=reason))
