"""Encodes a text into the octets of its parts.

Limits: 140 octets of user data (3GPP TS 23.040, 9.2.3.24), so 160 septets or 70 UTF-16 units
without a header. A header of 6 octets leaves 153 or 67 per part, one of 7 octets (16-bit reference)
152 or 66. Octets of GSM 7-bit are sent unpacked, one septet each.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vestnik.providers import gsm_alphabet
from vestnik.providers.errors import OptionError
from vestnik.providers.options import Options

UCS_2 = 8
#: Python's codecs of the `data_coding` of inbound PDUs (SMPP 3.4, 5.2.19). 0 is the SMSC's default
#: alphabet; 2 and 4 are binary data.
CODECS = {
    1: "ascii",
    2: "latin-1",
    3: "latin-1",
    4: "latin-1",
    5: "shift_jis",
    6: "iso8859-5",
    7: "iso8859-8",
    8: "utf-16-be",
    10: "iso2022_jp",
    13: "iso2022_jp_1",
    14: "euc_kr",
}
DEFAULT = None
#: By bits 3 and 2 of the groups 00xx and 01xx (3GPP TS 23.038, 4); the last is reserved.
ALPHABETS = (DEFAULT, "latin-1", "utf-16-be", DEFAULT)
#: The septets and the octets of UCS-2 per part: without a header, with an 8-bit reference, with a
#: 16-bit one.
ROOM_ALONE = (160, 140)
ROOM_BESIDE_8_BIT = (153, 134)
ROOM_BESIDE_16_BIT = (152, 132)


@dataclass(frozen=True, slots=True)
class EncodedText:
    """A text as octets, part by part."""

    data_coding: int
    parts: Sequence[bytes]


class Coding:
    """The encodings of one connection; `data_coding` 0 means the SMSC's default alphabet."""

    def __init__(self, options: Options, room: tuple[int, int]) -> None:
        self._room = room
        self._alphabet = options.choice(
            "default_alphabet", "gsm", ("gsm", "latin-1", "ascii", "cp1251", "none")
        )
        self._data_coding = options.whole("default_data_coding", 0, most=255)
        self._ucs_2 = options.whole("ucs2_data_coding", UCS_2, most=255)

    def encode(self, text: str) -> EncodedText:
        """Encode in the default alphabet if it has all letters, else in UCS-2."""
        parts = self._cut(text)
        if self._fits_default(text):
            return EncodedText(
                self._data_coding, [b"".join(map(self._default_letter, p)) for p in parts]
            )
        return EncodedText(self._ucs_2, list(map(utf_16, parts)))

    def _cut(self, text: str) -> Sequence[str]:
        """Split the text by the limits of the radio network: GSM 7-bit if possible, else UCS-2."""
        # Whatever octets go to the SMSC, the parts are as many as are counted and billed.
        if self._alphabet != "none" and gsm_alphabet.covers(text):
            widths, alone, beside = (
                list(map(gsm_alphabet.width, text)),
                ROOM_ALONE[0],
                self._room[0],
            )
        else:
            widths, alone, beside = [len(utf_16(one)) for one in text], ROOM_ALONE[1], self._room[1]
        return [text] if sum(widths) <= alone else fill(text, widths, beside)

    def decode(self, octets: bytes, data_coding: int) -> str:
        """Decode an inbound text; what cannot be decoded becomes replacement characters."""
        codec = self._codec(data_coding)
        if codec == "utf-16-be":
            return from_utf_16(octets)
        if codec is DEFAULT and self._alphabet == "gsm":
            return gsm_alphabet.decode(octets)
        alphabet = "latin-1" if self._alphabet in ("none", "gsm") else self._alphabet
        return octets.decode(codec or alphabet, "replace")

    def _codec(self, data_coding: int) -> str | None:
        """Return the codec of an inbound `data_coding`: our own values first, then the standard."""
        if data_coding == self._data_coding:
            return DEFAULT
        return "utf-16-be" if data_coding == self._ucs_2 else codec_of(data_coding)

    def _fits_default(self, text: str) -> bool:
        if self._alphabet == "gsm":
            return gsm_alphabet.covers(text)
        if self._alphabet == "none":
            return False
        try:
            return bool(text.encode(self._alphabet)) or not text
        except UnicodeEncodeError:
            return False

    def _default_letter(self, letter: str) -> bytes:
        if self._alphabet == "gsm":
            return gsm_alphabet.encode_letter(letter)
        return letter.encode(self._alphabet)


def codec_of(data_coding: int) -> str | None:
    """Return the codec of a `data_coding`; DEFAULT is the SMSC's own alphabet.

    By the groups of 3GPP TS 23.038, 4, except for the lowest, which SMPP 3.4 defines (5.2.19).
    """
    group = data_coding >> 4
    if group == 0:
        return CODECS.get(data_coding, DEFAULT)
    if group < 0x8:  # general, compressed or not, and marked for automatic deletion
        return ALPHABETS[data_coding >> 2 & 3]
    if group == 0xE:  # message waiting indication, stored, UCS-2
        return "utf-16-be"
    return "latin-1" if group == 0xF and data_coding & 4 else DEFAULT


def from_utf_16(octets: bytes) -> str:
    """Decode UTF-16, big-endian unless a byte order mark says otherwise."""
    codec = "utf-16" if octets[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-16-be"
    return octets.decode(codec, "replace")


def utf_16(text: str) -> bytes:
    """Encode as big-endian UTF-16 without a byte order mark; a lone surrogate is replaced."""
    return text.encode("utf-16-be", "replace")


def fill(text: str, widths: Iterable[int], room: int) -> Sequence[str]:
    """Split the text greedily; neither a surrogate pair nor an escaped letter is split."""
    parts, start, used = [], 0, 0
    for place, width in enumerate(widths):
        if used + width > room:
            parts.append(text[start:place])
            start, used = place, 0
        used += width
    return [*parts, text[start:]]


def sender_kind(sender: str) -> tuple[int, int]:
    """Return TON and NPI: alphanumeric 5/0, international 1/1 from 10 digits on, short code 3/0.

    Source: what Kannel and most SMSCs expect; options override it.
    """
    if not sender.isascii() or len(sender) > 20:
        raise OptionError("sender", "must be at most 20 ASCII characters")
    if sender.isdigit():
        return (1, 1) if len(sender) >= 10 else (3, 0)
    if len(sender) > 11:
        raise OptionError("sender", "a name has at most 11 characters")
    return (5, 0) if sender else (0, 0)
