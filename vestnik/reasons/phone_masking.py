"""Masks phone numbers in texts that are logged or stored, in the notations that people use.

Gateways quote the number of a message in words of their own, as they or the sender write it.
"""

import re

#: Between the digits of a written number; word processors have dashes and spaces of their own.
BETWEEN = "[ \u00a0\u2007\u2009\u202f().\u2010-\u2015\u2212-]{0,3}"
#: `79261234567`. A digit or a point after a digit makes it part of a longer number; the digits of
#: an escaped character (`%20`) do not.
STORED = r"(?:(?<!\d)(?<!\d\.)|(?<=%[0-9A-Fa-f]{2}))7\d{10}(?!\d)"
#: `+7 926 123-45-67`, `8 (926) 1234567`. Ids of letters and digits are left alone, and so are dates
#: after a 7 or an 8, since no area code begins with 0, 1 or 2, and fractions such as 7.9261234567.
WITH_PREFIX = rf"(?:(?:\+|00 ?)7|[78](?!\.\d{{10}})){BETWEEN}[3-9]\d\d(?:{BETWEEN}\d){{7}}"
#: `(926) 123-45-67`, `9261234567`.
WITHOUT_PREFIX = rf"9\d\d{BETWEEN}\d{{3}}{BETWEEN}\d\d{BETWEEN}\d\d"
WRITTEN = rf"(?<![0-9A-Za-z])(?<!\d\.)(?:{WITH_PREFIX}|{WITHOUT_PREFIX})(?!\w)"
NUMBER = re.compile(f"{STORED}|{WRITTEN}", re.ASCII)
NOT_DIGIT = re.compile("[^0-9]")
#: The digits of a number without its 7 or 8.
NATIONAL = 10


def mask_number(phone_number: str) -> str:
    """Return the number masked for logs: `7926*****67`."""
    return f"{phone_number[:4]}*****{phone_number[-2:]}"


def mask_numbers(text: str) -> str:
    """Return the text with each phone number masked."""
    return NUMBER.sub(lambda found: mask_number(_stored_form(found[0])), text)


def _stored_form(written: str) -> str:
    return f"7{NOT_DIGIT.sub('', written)[-NATIONAL:]}"
