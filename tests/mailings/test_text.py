"""Segments, with an independent library as the oracle."""

import pytest
import smsutil
from hypothesis import given
from hypothesis import strategies as st

from vestnik.mailings.text import (
    Encoding,
    encoding_of,
    foreign_characters,
    normalise,
    parts_of,
    segments_of,
)

ALPHABET = "aZ0 €[]^~\nяЁ😀🇷🇺éñ@"
TEXTS = st.text(alphabet=ALPHABET, max_size=700)

GSM, UCS = Encoding.GSM_7, Encoding.UCS_2
ONE_PART = "TS 23.040 9.2.3.16: 140 octets hold 160 septets or 70 UTF-16 units"
PARTS = "TS 23.040 9.2.3.24.1: a header of 6 octets leaves 153 septets or 67 units of a part"
BASIC = "TS 23.038 6.2.1: the default alphabet"
EXTENSION = "TS 23.038 6.2.1.1: an extension character is an escape and a septet"
WHOLE_ESCAPE = "TS 23.040 9.2.3.24.1: an escape sequence is not split between parts"
UNICODE = "TS 23.038 4: a character outside of the alphabet makes the text UCS-2"
PAIR = "RFC 2781 2.1: a character above U+FFFF is a surrogate pair, two units, not to be split"

TABLE = [
    ("", GSM, 1, ONE_PART),
    ("a", GSM, 1, ONE_PART),
    ("a" * 160, GSM, 1, ONE_PART),
    ("a" * 161, GSM, 2, PARTS),
    ("a" * 306, GSM, 2, PARTS),
    ("a" * 307, GSM, 3, PARTS),
    ("a" * 459, GSM, 3, PARTS),
    ("a" * 460, GSM, 4, PARTS),
    ("a" * 1530, GSM, 10, PARTS),
    ("a" * 1531, GSM, 11, PARTS),
    ("я" * 70, UCS, 1, ONE_PART),
    ("я" * 71, UCS, 2, PARTS),
    ("я" * 134, UCS, 2, PARTS),
    ("я" * 135, UCS, 3, PARTS),
    ("я" * 201, UCS, 3, PARTS),
    ("я" * 202, UCS, 4, PARTS),
    ("я" * 670, UCS, 10, PARTS),
    ("я" * 671, UCS, 11, PARTS),
    ("@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ", GSM, 1, BASIC),
    ("¤¡§¿ÄÖÑÜäöñüà", GSM, 1, BASIC),
    ("line\nline", GSM, 1, BASIC),
    ("§" * 160, GSM, 1, BASIC),
    ("^{}\\[~]|€\f", GSM, 1, EXTENSION),
    ("€" * 80, GSM, 1, EXTENSION),
    ("€" * 81, GSM, 2, EXTENSION),
    ("a" * 158 + "€", GSM, 1, EXTENSION),
    ("a" * 159 + "€", GSM, 2, EXTENSION),
    ("€" * 152, GSM, 2, WHOLE_ESCAPE),
    ("€" * 153, GSM, 3, WHOLE_ESCAPE),
    ("a" * 152 + "€" + "a" * 151, GSM, 2, WHOLE_ESCAPE),
    ("a" * 152 + "€" + "a" * 152, GSM, 3, WHOLE_ESCAPE),
    ("a" * 151 + "€" + "a" * 153, GSM, 2, WHOLE_ESCAPE),
    ("a" * 151 + "€" + "a" * 154, GSM, 3, WHOLE_ESCAPE),
    ("a" * 69 + "`", UCS, 1, UNICODE),
    ("a" * 70 + "`", UCS, 2, UNICODE),
    ("a" * 70 + "«", UCS, 2, UNICODE),
    ("a" * 70 + "—", UCS, 2, UNICODE),
    ("a" * 70 + "\u00a0", UCS, 2, UNICODE),
    ("a" * 70 + "\t", UCS, 2, UNICODE),
    ("a" * 70 + "ç", UCS, 2, UNICODE),
    ("a" * 70 + "₽", UCS, 2, UNICODE),
    ("я" + "€" * 69, UCS, 1, UNICODE),
    ("я" + "{}" * 35, UCS, 2, UNICODE),
    ("я" + "[" * 133, UCS, 2, UNICODE),
    ("😀" * 35, UCS, 1, PAIR),
    ("😀" * 36, UCS, 2, PAIR),
    ("я" * 68 + "😀", UCS, 1, PAIR),
    ("я" * 69 + "😀", UCS, 2, PAIR),
    ("😀" * 66, UCS, 2, PAIR),
    ("😀" * 67, UCS, 3, PAIR),
    ("я" * 66 + "😀" + "я" * 65, UCS, 2, PAIR),
    ("я" * 66 + "😀" + "я" * 66, UCS, 3, PAIR),
    ("я" * 65 + "😀" + "я" * 67, UCS, 2, PAIR),
]


@pytest.mark.parametrize(("text", "encoding", "segments", "source"), TABLE)
def test_segments_are_counted_as_carriers_bill_them(
    text: str, encoding: Encoding, segments: int, source: str
) -> None:
    assert (encoding_of(text), segments_of(text)) == (encoding, segments), source


@given(TEXTS)
def test_the_parts_join_to_the_text_and_each_fits(text: str) -> None:
    parts = parts_of(text)

    assert "".join(parts) == text
    room = {GSM: 153, UCS: 67}[encoding_of(text)]
    assert len(parts) == 1 or all(0 < width_of(part, text) <= room for part in parts)


def width_of(part: str, text: str) -> int:
    """Septets or UTF-16 units, counted another way: by Python's own codec."""
    if encoding_of(text) is UCS:
        return len(part.encode("utf-16-le")) // 2
    return len(part) + sum(part.count(one) for one in "^{}\\[~]|€\f")


@given(TEXTS.filter(bool))
def test_segments_agree_with_another_implementation(text: str) -> None:
    assert segments_of(text) == len(smsutil.split(text).parts)


@given(st.text(alphabet=ALPHABET, min_size=1, max_size=50))
def test_the_alphabet_agrees_with_another_implementation(text: str) -> None:
    assert (encoding_of(text) is Encoding.GSM_7) == smsutil.is_valid_gsm(text)


def test_the_characters_that_force_ucs_2_are_named_once_each() -> None:
    assert foreign_characters("Hello — «world» — €5 ✓") == ["—", "«", "»", "✓"]
    assert foreign_characters("Hello, world: €5 [~]") == []


def test_a_text_is_composed_and_its_lines_end_in_one_character() -> None:
    assert normalise("и\u0306\r\nё") == "й\nё"
