"""What a cell's text is to the eye: blank, the name of a column, something like a phone number."""

import re
from collections.abc import Sequence

INVISIBLE = re.compile("[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
#: A number as people write it: a plus, digits, and what stands between them.
WRITTEN = re.compile(r"\(?\+?[0-9][0-9\s().+\-\u2010-\u2015\u2212/]*", re.ASCII)
NOT_DIGIT = re.compile(r"[^0-9]")
#: A number that a sheet shows with a fraction: 79261234567.0, or with a comma.
FRACTION = re.compile(r"(\+?[0-9]{6,})[.,]0+", re.ASCII)
SCIENTIFIC = re.compile(r"[78][.,][0-9]{1,14}E\+?10", re.IGNORECASE | re.ASCII)
BEFORE_PHONE = re.compile(r"^(?:tel|тел|моб|phone)[.:\s]*(?=[+(0-9])", re.IGNORECASE)
#: Kazakhstan's mobile codes stand as a group of their own; ten bare digits may be a tax number.
KAZAKH = re.compile(r"\(?7[0-9]{2}[)\s-]")
#: No invisible character comes before these.
FIRST_LETTERS = "\u00ac"
MOST_LETTERS, FEWEST_DIGITS = 40, 5


def column_name(written: str) -> str:
    """The heading without line breaks, invisible characters and other blanks than one space."""
    return " ".join(INVISIBLE.sub("", written).split())


def is_blank(text: str) -> bool:
    """Whether nothing is to be seen of it."""
    bare = text.strip()
    return not bare or (bare[0] > FIRST_LETTERS and not INVISIBLE.sub("", bare).strip())


def are_blank(cells: Sequence[str]) -> bool:
    """Whether nothing is to be seen of the row."""
    return is_blank("".join(cells))


def is_like_phone(text: str) -> bool:
    """Whether it looks like a mobile number, so that its row is no header; it may be wrong."""
    digits = _digits(text)
    if (len(digits) == 11 and digits[0] in "78") or (len(digits) == 10 and digits[0] == "9"):
        return True
    if len(digits) == 10 and digits[0] == "7" and KAZAKH.match(text.strip()):
        return True
    return text.lstrip().startswith("+") and 10 <= len(digits) <= 15


def is_like_number(text: str) -> bool:
    """Whether it may be meant for a phone number: digits, and no letters."""
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
