"""Phone numbers as they are stored: 7XXXXXXXXXX, eleven digits."""

import re
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext as _

from vestnik.audience.phone_parsing import (
    PHONE_NUMBER,
    ParsedNumber,
    parse,
)
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason
from vestnik.reasons.translation import translated

OPERATOR_CODE = re.compile(r"[0-9]{3}", re.ASCII)

COMPLETE, ACCEPT, REFUSE = "complete", "accept", "refuse"
#: The rules for numbers without +7, and for numbers that get no SMS.
WITHOUT_CODE = (COMPLETE, REFUSE)
WITHOUT_SMS = (ACCEPT, REFUSE)

#: An SQL condition for landline and toll-free numbers of Russia (+7 3, 4, 8) and Kazakhstan (+7 71,
#: 72), where {number} is the column of the phone number.
GETS_NO_SMS = (
    "(substr({number}, 2, 1) IN ('3', '4', '8') OR substr({number}, 2, 2) IN ('71', '72'))"
)
#: The same as a regular expression.
WITHOUT_SMS_FORM = r"^7([348]|7[12])"


@dataclass(frozen=True)
class NumberRules:
    """Which of the valid numbers are accepted."""

    without_code: str = COMPLETE
    without_sms: str = ACCEPT

    def accept(self, written: str) -> str:
        """Return the number. Raises ValueError with the `Reason`."""
        parsed = parse(written)
        if isinstance(parsed, Reason):
            raise ValueError(parsed)
        if why := self._refusal(parsed):
            raise ValueError(why)
        return parsed.number

    def _refusal(self, parsed: ParsedNumber) -> Reason | None:
        if self.without_code == REFUSE and not parsed.has_country_code:
            return Reason(Code.NUMBER_WITHOUT_CODE, meant=f"+{parsed.number}")
        if self.without_sms == REFUSE and gets_no_sms(parsed.number):
            return Reason(Code.NUMBER_WITHOUT_SMS)
        return None


def gets_no_sms(phone_number: str) -> bool:
    """Return whether it is a landline or toll-free number; it may be stored, but is not sent to."""
    return phone_number[1] in "348" or phone_number[1:3] in ("71", "72")


def operator_code_of(phone_number: str) -> str:
    """Return digits two to four: the range in which the number was issued."""
    return phone_number[1:4]


def holding_digits(digits: str) -> Q:
    """Return the condition that a number contains these digits."""
    # In Russia people write 8 for the leading 7.
    if len(digits) == 11:
        return Q(phone_number=f"7{digits[1:]}" if digits[0] == "8" else digits)
    contains = Q(phone_number__contains=digits)
    if digits.startswith("8") and len(digits) > 3:
        contains |= Q(phone_number__startswith=f"7{digits[1:]}")
    return contains


def validate_phone_number(value: str) -> None:
    """Raise ValidationError with the right form unless it is in stored form."""
    if PHONE_NUMBER.fullmatch(value):
        return
    parsed = parse(value)
    if isinstance(parsed, Reason):
        raise ValidationError(translated(parsed))
    raise ValidationError(_("Write it as 7XXXXXXXXXX: %(meant)s.") % {"meant": parsed.number})


def validate_client_number(value: str) -> None:
    """Validate a client's number, which has to get SMS if NUMBERS_WITHOUT_SMS is `refuse`."""
    validate_phone_number(value)
    if settings.NUMBERS_WITHOUT_SMS == REFUSE and gets_no_sms(value):
        raise ValidationError(translated(Reason(Code.NUMBER_WITHOUT_SMS)))


def validate_operator_code(value: str) -> None:
    """Raise ValidationError unless it is three digits."""
    if not OPERATOR_CODE.fullmatch(value):
        raise ValidationError(_("Write three digits, for example 926."))
