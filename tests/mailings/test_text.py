"""Segments, with an independent library as the oracle."""

import pytest
import smsutil
from hypothesis import given
from hypothesis import strategies as st

from vestnik.mailings.text import Encoding, encoding_of, normalise, segments_of

ALPHABET = "aZ0 €[]^~\nяЁ😀🇷🇺éñ@"


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("я" * 70, 1),
        ("я" * 71, 2),
        ("я" * 134, 2),
        ("я" * 135, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("a" * 152 + "€" * 5, 2),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("a" * 1530, 10),
        ("я" * 670, 10),
        ("я" * 671, 11),
    ],
)
def test_segments_are_counted_as_carriers_bill_them(text: str, segments: int) -> None:
    assert segments_of(text) == segments


@given(st.text(alphabet=ALPHABET, min_size=1, max_size=700))
def test_segments_agree_with_another_implementation(text: str) -> None:
    assert segments_of(text) == len(smsutil.split(text).parts)


@given(st.text(alphabet=ALPHABET, min_size=1, max_size=50))
def test_the_alphabet_agrees_with_another_implementation(text: str) -> None:
    assert (encoding_of(text) is Encoding.GSM_7) == smsutil.is_valid_gsm(text)


def test_a_text_is_composed_and_its_lines_end_in_one_character() -> None:
    assert normalise("и\u0306\r\nё") == "й\nё"
