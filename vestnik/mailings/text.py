"""The text of a mailing: its characters, and its placeholders `{{ name }}` and
`{{ name|default:"клиент" }}`.

A name is a field of the client (`FIELDS`) or an attribute. There are no expressions, filters or
loops: a text can reach nothing but the values of its own client. The encoding for SMS is in
`providers.segments`.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

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

#: A limit of the product; the technical one of SMPP is 255 parts.
MOST_SEGMENTS = 10


def _range(first: int, last: int) -> str:
    return "".join(map(chr, range(first, last + 1)))


# Blanks, controls and characters without a glyph; they are trimmed from values.
TRIMMED = (
    _range(0x01, 0x20)
    + _range(0x7F, 0xA0)
    + "\u00ad\u115f\u1160\u1680\u180e"
    + _range(0x2000, 0x200B)
    + "\u2028\u2029\u202f\u205f\u2060\u2800\u3000\u3164\ufeff\uffa0"
)
# Joiners, directions and variation selectors: they have a meaning beside letters, none alone.
ONLY_BESIDE = (
    "\u034f\u061c\u17b4\u17b5\u200c\u200d\u200e\u200f"
    + _range(0x202A, 0x202E)
    + _range(0x2061, 0x206F)
    + _range(0xFE00, 0xFE0F)
)
INVISIBLE = TRIMMED + ONLY_BESIDE
_INVISIBLE = frozenset(INVISIBLE)

FIELDS = ("phone_number", "operator_code", "tag", "timezone")
#: Each placeholder is an expression in the statement that renders a million texts.
MOST_PLACEHOLDERS = 20
LONGEST_NAME = 200
OPENING = "{{"

#: A name has no braces, bars, quotes, or blanks at its ends; a default has no quotes.
PLACEHOLDER = re.compile(
    r'\{\{\s*(?P<name>[^{}|"\s](?:[^{}|"]*[^{}|"\s])?)\s*(?:\|\s*default:\s*"(?P<default>[^"]*)"\s*)?\}\}'
)


def normalise(text: str) -> str:
    """Return the text as it is sent: composed letters (NFC), one unit per line end."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))


def is_blank(text: str) -> bool:
    """Return whether the text has no visible character."""
    # The first character decides for nearly all texts, without a copy of the text.
    return not text or (text[0] in _INVISIBLE and not text.strip(INVISIBLE))


def foreign_characters(text: str) -> list[str]:
    """Return the characters that force UCS-2, each once, in the order of the text."""
    return [one for one in dict.fromkeys(text) if one not in GSM]


class Malformed(ValueError):
    """Raised when a placeholder cannot be parsed; the text is what could not be parsed."""


@dataclass(frozen=True, slots=True)
class Placeholder:
    """The place of a client's value; of the default if the client lacks it."""

    name: str
    default: str | None = None


Piece = str | Placeholder


def parse(text: str) -> list[Piece]:
    """Split the text into literal texts and placeholders. Raises Malformed."""
    pieces: list[Piece] = []
    end = 0
    for match in PLACEHOLDER.finditer(text):
        pieces += [text[end : match.start()], Placeholder(match["name"], match["default"])]
        end = match.end()
    pieces.append(text[end:])
    for piece in pieces:
        if isinstance(piece, str) and OPENING in piece:
            raise Malformed(piece[piece.index(OPENING) :][:50])
    return [piece for piece in pieces if piece]


def placeholders(pieces: Sequence[Piece]) -> list[Placeholder]:
    """Return the placeholders among the pieces, each once."""
    return list(dict.fromkeys(piece for piece in pieces if isinstance(piece, Placeholder)))


def is_personalised(text: str) -> bool:
    """Return whether each client gets a text of their own."""
    return OPENING in text


def least(pieces: Sequence[Piece]) -> str:
    """Return the text with each placeholder replaced by its default, or by nothing."""
    return "".join(p if isinstance(p, str) else p.default or "" for p in pieces)


def least_segments_of(pieces: Sequence[Piece]) -> int:
    """Return how many segments the text takes without any client's values."""
    return segments_of(least(pieces))
