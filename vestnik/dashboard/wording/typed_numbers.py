"""Typed numbers, and the decimal sign: the language of the page decides what a comma means.

A page may be shown in one language and submitted in another, so a form that shows numbers carries
its language, and its texts are read and written in that one.
"""

import re

from django.conf import settings
from django.utils import translation

#: In English 1,000 is a thousand; 1.000 is a thousand in neither language of the pages.
ENGLISH_GROUPS = re.compile(r"-?[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]+)?", re.ASCII)
SPACED_GROUPS = re.compile(r"-?[0-9]{1,3}(?:[ \u00a0\u202f][0-9]{3})+(?:[.,][0-9]+)?", re.ASCII)
SPACES = re.compile("[ \u00a0\u202f]")


def language_of(carried: object) -> str:
    """Return the language that a form carries, if it is one of the pages, or the current one."""
    current = translation.get_language() or "en"
    return carried if isinstance(carried, str) and carried in dict(settings.LANGUAGES) else current


def normalise(written: str, language: str = "") -> str:
    """Return the number with a decimal point and without group separators.

    The result may still not be a number; the caller validates it.
    """
    number = written.strip().replace("−", "-")
    if SPACED_GROUPS.fullmatch(number):
        number = SPACES.sub("", number)
    if language_of(language).startswith("en") and ENGLISH_GROUPS.fullmatch(number):
        return number.replace(",", "")
    return number.replace(",", ".")


def with_decimal_sign(number: str, language: str = "") -> str:
    """Return a number with the decimal sign of the page in place of the point."""
    return number.replace(".", ",") if language_of(language) == "ru" else number


def number_text(number: float, language: str = "") -> str:
    """Return a stored number as pages and their fields show it: 18 for 18.0, `2,5` in Russian."""
    return with_decimal_sign(str(number).removesuffix(".0"), language)
