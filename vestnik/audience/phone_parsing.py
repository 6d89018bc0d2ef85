"""Parses written phone numbers, with one rule for every entry.

The API, the pages, imports, the stop list and inbound messages all use it. Uncertain numbers are
refused, since a wrongly completed number belongs to another person. See docs/decisions/0096.
"""

import re
from typing import NamedTuple

import phonenumbers

from vestnik.audience.numbering.register_table import mobile_codes
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason
from vestnik.reasons.translation import translated

#: The stored form: Russia and Kazakhstan share the country code 7.
PHONE_NUMBER = re.compile(r"7[0-9]{10}", re.ASCII)
# Spreadsheets show a large number as 7.9261234567E+10 or as 79261234567.0.
SCIENTIFIC = re.compile(r"([0-9])[.,]?([0-9]*)E\+?(09|9|10)", re.IGNORECASE | re.ASCII)
FRACTION = re.compile(r"(\+?[0-9]{6,})[.,]0+", re.ASCII)
#: Soft hyphens, zero-width characters, marks of direction, and quotes that spreadsheets put before
#: a number to keep it a text.
INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff'`\u2019]")
#: Typographic dashes, underscores and slashes count as hyphens.
DASHES = re.compile("[\u2010-\u2015\u2212_/]")
#: Full-width, small and superscript plus signs.
PLUSES = re.compile("[\uff0b\ufe62\u207a\u208a]")
#: Abbreviations before a number.
PREFIX = re.compile(r"^(?:tel|тел|моб|phone)[.:\s]*", re.IGNORECASE)
# A plus is significant: a country code follows, so it comes before all digits.
PLUS = re.compile(r"[\s(]*\+[\s+]*")
#: Characters between digits that have no meaning.
DECORATION = re.compile(r"[\s().-]")
GROUP = re.compile(r"[0-9]+", re.ASCII)
#: The international prefix of most of the world: 007926… is +7926….
FROM_ABROAD = "00"
#: The first digit after +7: 3, 4, 8 or 9 in Russia, 7 in Kazakhstan.
FIRST_DIGITS = "34789"
#: As many digits are more than one number.
SEVERAL = 20


class ParsedNumber(NamedTuple):
    """A number, and whether it was written with its country code."""

    number: str
    has_country_code: bool = True


def normalised(written: str) -> str | None:
    """Return 7XXXXXXXXXX for `+7 (926) 123-45-67`, `8926…`, `9261234567`; None if invalid."""
    parsed = parse(written)
    return parsed.number if isinstance(parsed, ParsedNumber) else None


def problem_with(written: str, translate: bool = False) -> str:
    """Return why the number is refused, with the remedy; empty if it is accepted."""
    parsed = parse(written)
    if not isinstance(parsed, Reason):
        return ""
    return translated(parsed) if translate else parsed


def parse(written: str) -> ParsedNumber | Reason:
    """Return the number, or the reason why it is not one."""
    if PHONE_NUMBER.fullmatch(written):
        return ParsedNumber(written)
    bare = PLUSES.sub("+", DASHES.sub("-", INVISIBLE.sub("", written)).strip())
    bare = PREFIX.sub("", bare).strip()
    if match := SCIENTIFIC.fullmatch(bare):
        digits = match[1] + match[2]
        # Fewer digits than the exponent says: the spreadsheet has rounded the number.
        return _of_digits(digits) if len(digits) == int(match[3]) + 1 else Reason(Code.NUMBER_CUT)
    if match := FRACTION.fullmatch(bare):
        bare = match[1]
    if plus := PLUS.match(bare):
        bare = bare[plus.end() :]
    digits = DECORATION.sub("", bare)
    if not (digits.isascii() and digits.isdigit()):
        return _irregular_reason(bare, digits)
    if plus:
        return _with_plus(digits)
    if digits.startswith(FROM_ABROAD):
        return _with_plus(digits.removeprefix(FROM_ABROAD))
    return _of_digits(digits, bare)


def _irregular_reason(bare: str, digits: str) -> Reason:
    """Return the reason for a text that holds more than digits."""
    count = sum(letter.isdecimal() for letter in digits)
    odd = next((one for one in digits if not (one.isascii() and one.isdigit())), "")
    if not count and not odd:
        return Reason(Code.NUMBER_TOO_SHORT, count=0)
    if count >= SEVERAL or odd in ("+", ",", ";"):
        return Reason(Code.NUMBERS_SEVERAL)
    return (
        Reason(Code.NUMBER_LETTER)
        if any(map(str.isalpha, bare))
        else Reason(Code.NUMBER_CHARACTER, seen=odd)
    )


def _with_plus(digits: str) -> ParsedNumber | Reason:
    """Parse digits that begin with a country code, 7 or a foreign one."""
    if PHONE_NUMBER.fullmatch(digits):
        return ParsedNumber(digits)
    if digits.startswith("7"):
        return Reason(Code.NUMBER_AFTER_SEVEN, count=len(digits) - 1)
    codes = (digits[:length] for length in (1, 2, 3))
    known = [code for code in codes if int(code or 0) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE]
    if known:
        return Reason(Code.NUMBER_FOREIGN, code=known[0])
    return (
        Reason(Code.NUMBER_PLUS_EIGHT)
        if digits[0:1] == "8"
        else Reason(Code.NUMBER_NO_COUNTRY, code=digits[:3])
    )


def _of_digits(digits: str, written: str = "") -> ParsedNumber | Reason:
    """Parse digits without a plus or an international prefix."""
    if PHONE_NUMBER.fullmatch(digits):
        return ParsedNumber(digits)
    if len(digits) == 11 and digits.startswith("8"):
        if digits[1] in FIRST_DIGITS:
            return ParsedNumber(f"7{digits[1:]}", has_country_code=False)
        return Reason(Code.NUMBER_NO_SUCH_CODE, code=digits[1:4])
    if len(digits) == 10:
        return _of_ten(digits, written)
    if len(digits) == 11:
        return Reason(Code.NUMBER_OTHER_FIRST, first=digits[0])
    if len(digits) >= SEVERAL:
        return Reason(Code.NUMBERS_SEVERAL)
    return Reason(_wrong_length(digits), count=len(digits))


def _wrong_length(digits: str) -> Code:
    return Code.NUMBER_TOO_SHORT if len(digits) < 10 else Code.NUMBER_TOO_LONG


def _of_ten(digits: str, written: str) -> ParsedNumber | Reason:
    """Parse ten digits: a mobile number without its country code, or one that lost a digit."""
    # Russian mobile numbers begin with 9, which begins no complete number. Kazakh ones begin with 7
    # and are recognised by a separate group for the code, as in 701 123-45-67.
    if digits[:3] in mobile_codes() or _is_kazakh(digits, written):
        return ParsedNumber(f"7{digits}", has_country_code=False)
    if digits[0] in "78":
        return Reason(Code.NUMBER_ONE_MISSING, first=digits[0])
    return Reason(Code.NUMBER_NOT_MOBILE, code=digits[:3])


def _is_kazakh(digits: str, written: str) -> bool:
    first, *others = GROUP.findall(written) or [""]
    if len(first) != 3 or not others or digits[0] != "7":
        return False
    number = phonenumbers.PhoneNumber(country_code=7, national_number=int(digits))
    mobile = phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.MOBILE
    return mobile and phonenumbers.region_code_for_number(number) == "KZ"
