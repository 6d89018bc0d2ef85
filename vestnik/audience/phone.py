"""Phone numbers: 7XXXXXXXXXX, eleven digits, and nothing else."""

import re

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

PHONE_NUMBER = re.compile(r"7[0-9]{10}", re.ASCII)
OPERATOR_CODE = re.compile(r"[0-9]{3}", re.ASCII)
DECORATION = re.compile(r"[\s()+.-]")


def operator_code_of(phone_number: str) -> str:
    """Digits two to four: the range that the number was first given out from."""
    return phone_number[1:4]


def hide(phone_number: str) -> str:
    """The number as it may stand in a log: `7926*****67`."""
    return f"{phone_number[:4]}*****{phone_number[-2:]}"


def guess(written: str) -> str | None:
    """The number that somebody probably meant: `8 (926) 123-45-67` is 79261234567."""
    digits = DECORATION.sub("", written)
    if len(digits) == 10:
        digits = f"7{digits}"
    elif len(digits) == 11 and digits.startswith("8"):
        digits = f"7{digits[1:]}"
    return digits if PHONE_NUMBER.fullmatch(digits) else None


def validate_phone_number(value: str) -> None:
    """Raises ValidationError with the way to write it."""
    if PHONE_NUMBER.fullmatch(value):
        return
    if meant := guess(value):
        raise ValidationError(_("Write it as 7XXXXXXXXXX: %(meant)s.") % {"meant": meant})
    raise ValidationError(_("Write it as 7XXXXXXXXXX, eleven digits of which the first is 7."))


def validate_operator_code(value: str) -> None:
    """Raises ValidationError unless it is three digits."""
    if not OPERATOR_CODE.fullmatch(value):
        raise ValidationError(_("Write three digits, for example 926."))
