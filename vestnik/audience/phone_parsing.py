"""The meaning of a written phone number: one rule for every entry.

The API, the pages, imports, the stop list and inbound messages all read numbers here. What is not
certain is refused: a completed number is somebody's. See docs/decisions/0096.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

import phonenumbers
from django.utils.translation import gettext, gettext_noop

from vestnik.audience.numbering.register_table import mobile_codes

PHONE_NUMBER = re.compile(r"7[0-9]{10}", re.ASCII)
# A sheet shows what it takes for a large number as 7.9261234567E+10, or as 79261234567.0.
SCIENTIFIC = re.compile(r"([0-9])[.,]?([0-9]*)E\+?(09|9|10)", re.IGNORECASE | re.ASCII)
FRACTION = re.compile(r"(\+?[0-9]{6,})[.,]0+", re.ASCII)
INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff'`\u2019]")
DASHES = re.compile("[\u2010-\u2015\u2212_/]")
PLUSES = re.compile("[\uff0b\ufe62\u207a\u208a]")
PREFIX = re.compile(r"^(?:tel|тел|моб|phone)[.:\s]*", re.IGNORECASE)
# A plus is no decoration: it says that a country code follows, and stands before all digits.
PLUS = re.compile(r"[\s(]*\+[\s+]*")
DECORATION = re.compile(r"[\s().-]")
GROUP = re.compile(r"[0-9]+", re.ASCII)
#: An international number as most of the world dials it: 007926… is +7926….
FROM_ABROAD = "00"
#: What follows +7 begins so: with 3, 4, 8 and 9 in Russia, with 7 in Kazakhstan.
FIRST_DIGITS = "34789"
#: So many digits are more than one number.
SEVERAL = 20

FORM = gettext_noop("Write it as 7XXXXXXXXXX, eleven digits of which the first is 7.")
EMPTY = gettext_noop("The row has no phone number: give one.")
LOST = gettext_noop(
    "The sheet has cut the number's last digits off: format the column as text and save anew."
)
LETTER = gettext_noop("There is a letter in the number.")
ODD = gettext_noop("No phone number holds the character %(seen)s.")
SEVERAL_NUMBERS = gettext_noop("There seem to be several numbers: give each a row of its own.")
FOREIGN = gettext_noop(
    "This is a foreign number: it begins with +%(code)s, and only those with +7 are taken."
)
NO_COUNTRY = gettext_noop("No country has the code +%(code)s.")
PLUS_EIGHT = gettext_noop("It begins with +8, which is no country's code: write +7 in its place.")
AFTER_SEVEN = gettext_noop("It has %(count)s digits after +7, and ten are needed.")
ONE_MISSING = gettext_noop("It has ten digits and begins with %(first)s: one digit is missing.")
NOT_MOBILE = gettext_noop(
    "It has ten digits, and no mobile number begins with %(code)s: it is completed only where it "
    "can be one."
)
NO_SUCH_CODE = gettext_noop("No number of Russia or Kazakhstan begins with %(code)s after the 8.")
OTHER_FIRST = gettext_noop("It has eleven digits and begins with %(first)s, not with 7 or 8.")
TOO_FEW = gettext_noop("It has too few digits: %(count)s.")
TOO_MANY = gettext_noop("It has too many digits: %(count)s.")
NO_COUNTRY_CODE = gettext_noop(
    "It is written without +7, and such numbers are refused here: write %(meant)s if that is meant."
)
NO_SMS = gettext_noop(
    "It is a landline or toll-free number, which gets no SMS, and such are refused here: give a "
    "mobile one."
)
SENTENCES = (
    FORM,
    EMPTY,
    LOST,
    LETTER,
    ODD,
    SEVERAL_NUMBERS,
    FOREIGN,
    NO_COUNTRY,
    PLUS_EIGHT,
    AFTER_SEVEN,
    ONE_MISSING,
    NOT_MOBILE,
    NO_SUCH_CODE,
    OTHER_FIRST,
    TOO_FEW,
    TOO_MANY,
    NO_COUNTRY_CODE,
    NO_SMS,
)
#: To these it is of no use to say how a number is written.
COMPLETE = (LOST, FOREIGN, PLUS_EIGHT, NO_COUNTRY_CODE, NO_SMS)


class Refusal(NamedTuple):
    """Why a written number is not taken: a sentence, and what it names."""

    sentence: str
    named: Mapping[str, object] = {}

    def said(self, translate: bool = False) -> str:
        """The sentence with its remedy: in English as it is stored, or in the reader's language."""
        sentences = [self.sentence] if self.sentence in COMPLETE else [self.sentence, FORM]
        return " ".join(gettext(one) if translate else one for one in sentences) % self.named


class Read(NamedTuple):
    """A number, and whether it was written with its country code."""

    number: str
    has_country_code: bool = True


def normalised(written: str) -> str | None:
    """7XXXXXXXXXX for `+7 (926) 123-45-67`, `8926…`, `9261234567`, `79261234567.0`."""
    found = read(written)
    return found.number if isinstance(found, Read) else None


def problem_with(written: str, translate: bool = False) -> str:
    """Why it is no number that can be taken, what was seen, and the remedy."""
    found = read(written)
    return found.said(translate) if isinstance(found, Refusal) else ""


def read(written: str) -> Read | Refusal:
    """What the number is, or why it is none."""
    if PHONE_NUMBER.fullmatch(written):
        return Read(written)
    bare = PLUSES.sub("+", DASHES.sub("-", INVISIBLE.sub("", written)).strip())
    bare = PREFIX.sub("", bare).strip()
    if match := SCIENTIFIC.fullmatch(bare):
        digits = match[1] + match[2]
        return _of_digits(digits) if len(digits) == int(match[3]) + 1 else Refusal(LOST)
    if match := FRACTION.fullmatch(bare):
        bare = match[1]
    if plus := PLUS.match(bare):
        bare = bare[plus.end() :]
    digits = DECORATION.sub("", bare)
    if not (digits.isascii() and digits.isdigit()):
        return _odd(bare, digits)
    if plus:
        return _with_plus(digits)
    if digits.startswith(FROM_ABROAD):
        return _with_plus(digits.removeprefix(FROM_ABROAD))
    return _of_digits(digits, bare)


def _odd(bare: str, digits: str) -> Refusal:
    """It holds something else than digits."""
    count = sum(letter.isdecimal() for letter in digits)
    odd = next((one for one in digits if not (one.isascii() and one.isdigit())), "")
    if not count and not odd:
        return Refusal(TOO_FEW, {"count": 0})
    if count >= SEVERAL or odd in ("+", ",", ";"):
        return Refusal(SEVERAL_NUMBERS)
    return Refusal(LETTER) if any(map(str.isalpha, bare)) else Refusal(ODD, {"seen": odd})


def _with_plus(digits: str) -> Read | Refusal:
    """A country code stands first, and it is 7 or a foreign one."""
    if PHONE_NUMBER.fullmatch(digits):
        return Read(digits)
    if digits.startswith("7"):
        return Refusal(AFTER_SEVEN, {"count": len(digits) - 1})
    codes = (digits[:length] for length in (1, 2, 3))
    known = [code for code in codes if int(code or 0) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE]
    if known:
        return Refusal(FOREIGN, {"code": known[0]})
    return Refusal(PLUS_EIGHT) if digits[0:1] == "8" else Refusal(NO_COUNTRY, {"code": digits[:3]})


def _of_digits(digits: str, written: str = "") -> Read | Refusal:
    """No plus says where it is from."""
    if PHONE_NUMBER.fullmatch(digits):
        return Read(digits)
    if len(digits) == 11 and digits.startswith("8"):
        if digits[1] in FIRST_DIGITS:
            return Read(f"7{digits[1:]}", has_country_code=False)
        return Refusal(NO_SUCH_CODE, {"code": digits[1:4]})
    if len(digits) == 10:
        return _of_ten(digits, written)
    if len(digits) == 11:
        return Refusal(OTHER_FIRST, {"first": digits[0]})
    if len(digits) >= SEVERAL:
        return Refusal(SEVERAL_NUMBERS)
    return Refusal(TOO_FEW if len(digits) < 10 else TOO_MANY, {"count": len(digits)})


def _of_ten(digits: str, written: str) -> Read | Refusal:
    """Ten digits are a mobile number without its code, or a number that has lost a digit.

    Russian mobile numbers begin with 9, with which no whole number does. All of Kazakhstan's begin
    with 7: they are known by the code that stands as a group of its own, as in 701 123-45-67.
    """
    if digits[:3] in mobile_codes() or _is_kazakh(digits, written):
        return Read(f"7{digits}", has_country_code=False)
    if digits[0] in "78":
        return Refusal(ONE_MISSING, {"first": digits[0]})
    return Refusal(NOT_MOBILE, {"code": digits[:3]})


def _is_kazakh(digits: str, written: str) -> bool:
    first, *others = GROUP.findall(written) or [""]
    if len(first) != 3 or not others or digits[0] != "7":
        return False
    number = phonenumbers.PhoneNumber(country_code=7, national_number=int(digits))
    mobile = phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.MOBILE
    return mobile and phonenumbers.region_code_for_number(number) == "KZ"
