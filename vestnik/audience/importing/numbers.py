"""Phone numbers as people and programs write them."""

import re

from vestnik.audience.phone import PHONE_NUMBER, guess

# A sheet shows what it takes for a large number as 7.9261234567E+10, or as 79261234567.0.
SCIENTIFIC = re.compile(r"([78])[.,]([0-9]{1,14})E\+?10", re.IGNORECASE | re.ASCII)
FRACTION = re.compile(r"([78]?[0-9]{10})[.,]0+", re.ASCII)
ORNAMENTS = re.compile("[\u200b-\u200f\u202a-\u202e\u2060\ufeff'`\u2019]")
DASHES = re.compile("[\u2010-\u2015\u2212_/]")
PREFIX = re.compile(r"^(?:tel|тел|моб|phone)[.:\s]*", re.IGNORECASE)

FORM = "Write it as 7XXXXXXXXXX, eleven digits of which the first is 7"
LOST = "The sheet has cut the number's last digits off: format the column as text and save anew."
LETTER = f"There is a letter in the number. {FORM}."
FOREIGN = f"This is no number that begins with 7. {FORM}."
SEVERAL = f"There seem to be several numbers: give each a row of its own. {FORM}."
SHORT, LONG = f"It has too few digits. {FORM}.", f"It has too many digits. {FORM}."


def normalised(written: str) -> str | None:
    """7XXXXXXXXXX for `+7 (926) 123-45-67`, `8926…`, `9261234567`, `79261234567.0`."""
    if PHONE_NUMBER.fullmatch(written):
        return written
    bare = PREFIX.sub("", DASHES.sub("-", ORNAMENTS.sub("", written)).strip())
    if found := SCIENTIFIC.fullmatch(bare):
        return guess(found[1] + found[2]) if len(found[2]) == 10 else None
    if found := FRACTION.fullmatch(bare):
        return guess(found[1])
    if not bare.isascii() and any(letter.isdecimal() and not letter.isascii() for letter in bare):
        return None
    return guess(bare)


def problem_with(written: str) -> str:
    """Why it is no number that we can read, and the remedy."""
    if SCIENTIFIC.fullmatch(written.strip()):
        return LOST
    digits = sum(letter.isdecimal() for letter in written)
    if any(letter.isalpha() for letter in PREFIX.sub("", written)):
        return LETTER
    if digits >= 20:
        return SEVERAL
    if digits == 11 or written.strip().startswith("+"):
        return FOREIGN
    return SHORT if digits < 11 else LONG
