"""How a text travels over the air: its alphabet, and the segments that carriers bill.

Source of the rules: 3GPP TS 23.038 (alphabet) and TS 23.040 section 9.2.3.24.1 (concatenation
with an 8-bit reference, which leaves 153 septets or 67 UTF-16 units of a segment).
"""

from enum import StrEnum

from vestnik.providers import gsm_alphabet

GSM = gsm_alphabet.LETTERS
GSM_EXTENSION = frozenset(gsm_alphabet.EXTENSION.values())
GSM_BASIC = GSM - GSM_EXTENSION


class Encoding(StrEnum):
    """The alphabet in which a text travels."""

    GSM_7 = "gsm-7"
    UCS_2 = "ucs-2"


ROOM_ALONE = {Encoding.GSM_7: 160, Encoding.UCS_2: 70}
ROOM_IN_A_PART = {Encoding.GSM_7: 153, Encoding.UCS_2: 67}


def encoding_of(text: str) -> Encoding:
    """GSM 7-bit, or UCS-2 as soon as one character is outside of it."""
    return Encoding.GSM_7 if GSM.issuperset(text) else Encoding.UCS_2


def segments_of(text: str) -> int:
    """Return the number of segments of the text."""
    return len(parts_of(text))


def units_of(text: str) -> int:
    """Return the units that the text takes of its segments: some characters count twice."""
    encoding = encoding_of(text)
    return sum(_width(character, encoding) for character in text)


def parts_of(text: str) -> list[str]:
    """Return the text cut into its segments.

    Parts are filled greedily: an extension character or a surrogate pair is never split, so
    dividing the length would be wrong where one falls on a boundary.
    """
    encoding = encoding_of(text)
    if units_of(text) <= ROOM_ALONE[encoding]:
        return [text]
    widths = [_width(character, encoding) for character in text]
    parts, start, used = [], 0, 0
    for index, width in enumerate(widths):
        if used + width > ROOM_IN_A_PART[encoding]:
            parts.append(text[start:index])
            start, used = index, 0
        used += width
    return [*parts, text[start:]]


def _width(character: str, encoding: Encoding) -> int:
    if encoding is Encoding.GSM_7:
        return 2 if character in GSM_EXTENSION else 1
    return 2 if ord(character) > 0xFFFF else 1
