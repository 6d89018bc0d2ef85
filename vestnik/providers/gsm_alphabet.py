"""The GSM 7-bit default alphabet (3GPP TS 23.038, 6.2.1), one septet per octet."""

#: By position; 0x1B is the escape to the extension table.
BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
ESCAPE = 0x1B
EXTENSION = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}
_ENCODED = {letter: bytes([code]) for code, letter in enumerate(BASIC) if code != ESCAPE}
_ENCODED |= {letter: bytes([ESCAPE, code]) for code, letter in EXTENSION.items()}
LETTERS = frozenset(_ENCODED)


def covers(text: str) -> bool:
    """Return whether all letters are in the alphabet or its extension."""
    return LETTERS.issuperset(text)


def encode_letter(letter: str) -> bytes:
    """Return one octet, or two with the escape. Raises KeyError for any other letter."""
    return _ENCODED[letter]


def width(letter: str) -> int:
    """Return how many septets the letter takes."""
    return len(_ENCODED[letter])


def decode(octets: bytes) -> str:
    """Decode the octets; what is in no table becomes the replacement character.

    An unknown escaped letter reads as the letter of the basic table (TS 23.038, 6.2.1.1).
    """
    text, escaped = [], False
    for octet in octets:
        if escaped:
            text.append(EXTENSION.get(octet) or _letter(octet))
            escaped = False
        elif octet == ESCAPE:
            escaped = True
        else:
            text.append(_letter(octet))
    return "".join(text)


def _letter(octet: int) -> str:
    return BASIC[octet] if octet < len(BASIC) else "\ufffd"
