"""Typed numbers, and the decimal sign: the language of the page decides what a comma means."""

import re

from django.utils import translation

#: In English 1,000 is a thousand; 1.000 is a thousand in neither language of the pages.
ENGLISH_GROUPS = re.compile(r"-?[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]+)?", re.ASCII)
SPACED_GROUPS = re.compile(r"-?[0-9]{1,3}(?:[ \u00a0\u202f][0-9]{3})+(?:[.,][0-9]+)?", re.ASCII)
SPACES = re.compile("[ \u00a0\u202f]")


def normalise(written: str) -> str:
    """Return the number with a decimal point and without group separators.

    The result may still not be a number; the caller validates it.
    """
    number = written.strip().replace("−", "-")
    if SPACED_GROUPS.fullmatch(number):
        number = SPACES.sub("", number)
    if (translation.get_language() or "en").startswith("en") and ENGLISH_GROUPS.fullmatch(number):
        return number.replace(",", "")
    return number.replace(",", ".")


def with_decimal_sign(number: str) -> str:
    """Return a number with the decimal sign of the page in place of the point."""
    return number.replace(".", ",") if translation.get_language() == "ru" else number
