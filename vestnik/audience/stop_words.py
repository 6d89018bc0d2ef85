"""Recognises inbound messages that ask for no more messages."""

import re
from functools import lru_cache

from django.conf import settings

LETTERS = re.compile(r"[^\W\d_]+")
# Latin letters that look like Russian ones, as in a СТОП that was typed with another keyboard
# layout.
ALIKE = str.maketrans("abcehkmoptxyё", "авсенкмортхуе")
#: СТ0П with a zero, and 3 for З.
DIGITS = str.maketrans("03", "оз")


def is_stop_word(text: str) -> bool:
    """Return whether the text is a stop word or begins with one: `Стоп`, `СТОП 111`, `stop8`,
    `CTOП!`."""
    words = _words(tuple(settings.STOP_WORDS))
    return any(_first(variant) in words for variant in (text, text.translate(DIGITS)))


def _first(text: str) -> str:
    match = LETTERS.search(text[:200])
    return _folded(match[0]) if match else ""


def _folded(word: str) -> str:
    return word.casefold().translate(ALIKE)


@lru_cache(4)
def _words(configured: tuple[str, ...]) -> frozenset[str]:
    return frozenset(_folded(word.strip()) for word in configured if word.strip())
