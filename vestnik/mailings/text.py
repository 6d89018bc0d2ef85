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
]

MOST_SEGMENTS = 10


def normalise(text: str) -> str:
    """The text as it is sent: composed letters, one unit for a line's end."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n"))


def foreign_characters(text: str) -> list[str]:
    """The characters that force UCS-2, each once, in the order of the text."""
    return [one for one in dict.fromkeys(text) if one not in GSM]
