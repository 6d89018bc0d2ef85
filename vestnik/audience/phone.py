"""Phone numbers: 7XXXXXXXXXX, eleven digits, and nothing else."""

import re

PHONE_NUMBER = re.compile(r"7[0-9]{10}", re.ASCII)
OPERATOR_CODE = re.compile(r"[0-9]{3}", re.ASCII)


def operator_code_of(phone_number: str) -> str:
    """Digits two to four: the range that the number was first given out from."""
    return phone_number[1:4]


def hide(phone_number: str) -> str:
    """The number as it may stand in a log: `7926*****67`."""
    return f"{phone_number[:4]}*****{phone_number[-2:]}"
