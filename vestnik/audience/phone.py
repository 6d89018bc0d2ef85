"""Phone numbers as they are stored: 7XXXXXXXXXX, eleven digits, and nothing else."""

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
#: What may become of numbers without +7, and of those that get no SMS.
WITHOUT_CODE = (COMPLETE, REFUSE)
WITHOUT_SMS = (ACCEPT, REFUSE)

#: Landline and toll-free numbers of Russia (+7 3, 4, 8) and Kazakhstan (+7 71, 72), as a condition
#: in a statement, where {number} is the phone number's column.
GETS_NO_SMS = (
    "(substr({number}, 2, 1) IN ('3', '4', '8') OR substr({number}, 2, 2) IN ('71', '72'))"
)
#: The same as a regular expression.
WITHOUT_SMS_FORM = r"^7([348]|7[12])"


@dataclass(frozen=True)
class NumberRules:
    """Which of the numbers that can be read are taken."""

    without_code: str = COMPLETE
    without_sms: str = ACCEPT

    def accept(self, written: str) -> str:
        """The number. Raises ValueError with the `Reason`."""
        found = parse(written)
        if isinstance(found, Reason):
            raise ValueError(found)
        if why := self._refusal(found):
            raise ValueError(why)
        return found.number

    def _refusal(self, found: ParsedNumber) -> Reason | None:
        if self.without_code == REFUSE and not found.has_country_code:
            return Reason(Code.NUMBER_WITHOUT_CODE, meant=f"+{found.number}")
        if self.without_sms == REFUSE and gets_no_sms(found.number):
            return Reason(Code.NUMBER_WITHOUT_SMS)
        return None


def gets_no_sms(phone_number: str) -> bool:
    """Whether it is a landline or toll-free number: such may be kept, and are not sent to."""
    return phone_number[1] in "348" or phone_number[1:3] in ("71", "72")


def operator_code_of(phone_number: str) -> str:
    """Digits two to four: the range that the number was first given out from."""
    return phone_number[1:4]


def holding_digits(digits: str) -> Q:
    """The numbers that hold these digits; people say 8 for the 7 that a number begins with."""
    if len(digits) == 11:
        return Q(phone_number=f"7{digits[1:]}" if digits[0] == "8" else digits)
    found = Q(phone_number__contains=digits)
    if digits.startswith("8") and len(digits) > 3:
        found |= Q(phone_number__startswith=f"7{digits[1:]}")
    return found


def hide(phone_number: str) -> str:
    """The number as it may stand in a log: `7926*****67`."""
    return f"{phone_number[:4]}*****{phone_number[-2:]}"


def validate_phone_number(value: str) -> None:
    """Raises ValidationError with the way to write it."""
    if PHONE_NUMBER.fullmatch(value):
        return
    found = parse(value)
    if isinstance(found, Reason):
        raise ValidationError(translated(found))
    raise ValidationError(_("Write it as 7XXXXXXXXXX: %(meant)s.") % {"meant": found.number})


def validate_client_number(value: str) -> None:
    """The same for a client, whose number has to get SMS where the deployment wants that."""
    validate_phone_number(value)
    if settings.NUMBERS_WITHOUT_SMS == REFUSE and gets_no_sms(value):
        raise ValidationError(translated(Reason(Code.NUMBER_WITHOUT_SMS)))


def validate_operator_code(value: str) -> None:
    """Raises ValidationError unless it is three digits."""
    if not OPERATOR_CODE.fullmatch(value):
        raise ValidationError(_("Write three digits, for example 926."))
