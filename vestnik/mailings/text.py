"""The text of a message as it is written; how it travels is `providers.segments`."""

import unicodedata

from vestnik.providers.segments import (
    GSM,
    GSM_BASIC,
    GSM_EXTENSION,
    ROOM_ALONE,
    ROOM_IN_A_PART,
    Encoding,
    encoding_of,
    parts_of,
    segments_of,
    units_of,
)

__all__ = [
    "GSM_BASIC",
    "GSM_EXTENSION",
    "MOST_SEGMENTS",
    "ROOM_ALONE",
    "ROOM_IN_A_PART",
    "Encoding",
    "encoding_of",
    "foreign_characters",
    "normalise",
    "parts_of",
    "segments_of",
    "units_of",
]

MOST_SEGMENTS = 10


def _range(first: int, last: int) -> str:
    return "".join(map(chr, range(first, last + 1)))


# Blanks, controls, and what draws nothing: at the ends of a value it is left out.
TRIMMED = (
    _range(0x01, 0x20)
    + _range(0x7F, 0xA0)
    + "\u00ad\u115f\u1160\u1680\u180e"
    + _range(0x2000, 0x200B)
    + "\u2028\u2029\u202f\u205f\u2060\u2800\u3000\u3164\ufeff\uffa0"
)
# This means something beside letters (joiners, directions, variants of a sign), and nothing alone.
ONLY_BESIDE = (
    "\u034f\u061c\u17b4\u17b5\u200c\u200d\u200e\u200f"
    + _range(0x202A, 0x202E)
    + _range(0x2061, 0x206F)
    + _range(0xFE00, 0xFE0F)
)
INVISIBLE = TRIMMED + ONLY_BESIDE
_INVISIBLE = frozenset(INVISIBLE)


def normalise(text: str) -> str:
    """The text as it is sent: composed letters, one unit for a line's end."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))


def is_blank(text: str) -> bool:
    """Whether nothing of the text can be seen."""
    return not text or (text[0] in _INVISIBLE and not text.strip(INVISIBLE))


def foreign_characters(text: str) -> list[str]:
    """The characters that force UCS-2, each once, in the order of the text."""
    return [one for one in dict.fromkeys(text) if one not in GSM]
