"""Classifies the text of a cell: blank, a heading, or something like a phone number."""

import re
from collections.abc import Sequence

#: Soft hyphens, zero-width characters, marks of direction and the byte order mark, which copying
#: from pages and messengers leaves behind.
INVISIBLE = re.compile("[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
#: A number as people write it: a plus, digits, and separators between them.
WRITTEN = re.compile(r"\(?\+?[0-9][0-9\s().+\-\u2010-\u2015\u2212/]*", re.ASCII)
NOT_DIGIT = re.compile(r"[^0-9]")
#: A number that a spreadsheet shows with a fraction: 79261234567.0, or with a comma.
FRACTION = re.compile(r"(\+?[0-9]{6,})[.,]0+", re.ASCII)
#: A large number as spreadsheets show it: 7,92612E+10.
SCIENTIFIC = re.compile(r"[78][.,][0-9]{1,14}E\+?10", re.IGNORECASE | re.ASCII)
#: Abbreviations before a number: «тел. 8926…».
BEFORE_PHONE = re.compile(r"^(?:tel|тел|моб|phone)[.:\s]*(?=[+(0-9])", re.IGNORECASE)
#: Kazakhstan's mobile codes are a group of their own; ten digits without one may be a tax number.
KAZAKH = re.compile(r"\(?7[0-9]{2}[)\s-]")
#: No invisible character sorts before this one, so most cells skip the regular expression.
FIRST_LETTERS = "\u00ac"
# A longer text is a comment rather than a number; fewer digits are an article or a year.
MOST_LETTERS, FEWEST_DIGITS = 40, 5


def column_name(written: str) -> str:
    """Return the heading without invisible characters, with each run of blanks as one space."""
    return " ".join(INVISIBLE.sub("", written).split())


def is_blank(text: str) -> bool:
    """Return whether the text has no visible character."""
    bare = text.strip()
    return not bare or (bare[0] > FIRST_LETTERS and not INVISIBLE.sub("", bare).strip())


def are_blank(cells: Sequence[str]) -> bool:
    """Return whether the row has no visible character."""
    return is_blank("".join(cells))


def is_like_phone(text: str) -> bool:
    """Return whether the text looks like a mobile number, right or wrong; its row is no header."""
    digits = _digits(text)
    if (len(digits) == 11 and digits[0] in "78") or (len(digits) == 10 and digits[0] == "9"):
        return True
    if len(digits) == 10 and digits[0] == "7" and KAZAKH.match(text.strip()):
        return True
    return text.lstrip().startswith("+") and 10 <= len(digits) <= 15


def is_like_number(text: str) -> bool:
    """Return whether the text may be meant as a phone number: digits, and no letters."""
    return len(_digits(text)) >= FEWEST_DIGITS


def _digits(text: str) -> str:
    bare = BEFORE_PHONE.sub("", INVISIBLE.sub("", text).strip().strip("'`"))
    if len(bare) > MOST_LETTERS:
        return ""
    if SCIENTIFIC.fullmatch(bare):
        return "70000000000"
    if whole := FRACTION.fullmatch(bare):
        bare = whole[1]
    bare = bare.removesuffix(".0").replace("\u00a0", " ")
    return NOT_DIGIT.sub("", bare) if WRITTEN.fullmatch(bare) else ""
