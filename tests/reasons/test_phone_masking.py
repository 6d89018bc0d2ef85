"""Phone numbers in logs and in stored words of a gateway: none can be called."""

import pytest

from vestnik.providers.http.response import make_readable
from vestnik.reasons.phone_masking import mask_number, mask_numbers

MASKED = "7926*****67"
#: Ways to write 79261234567 that gateways and people use.
WRITTEN = [
    "79261234567",
    "+79261234567",
    "+7 926 123-45-67",
    "+7\u00a0926\u00a0123\u00a045\u00a067",
    "+7-926-123-45-67",
    "7(926)123 45 67",
    "7 926 1234567",
    "8 (926) 123-45-67",
    "8-926-12-345-67",
    "89261234567",
    "9261234567",
    "926 123-45-67",
    "926 123 45 67",
    "+7 926 123\u201345\u201367",
    "8\u2011926\u2011123\u201145\u201167",
    "+7\u2009926\u2009123\u200945\u200967",
    "+7\u202f(926)\u202f123 \u2014 45 \u2212 67",
    "+7.9261234567",
    "0079261234567",
    "00 7 926 123 45 67",
]
#: Ids, figures and times that are no phone numbers.
OTHER = [
    "0.79261234567",
    "7.9261234567",
    "8.9261234567",
    "792612345678",
    "x779261234567",
    "a89261234567",
    "550e8400-e29b-41d4-a716-89261234567a",
    "id 1234567890",
    "1764452591123",
    "2026-11-29T21:43:51.912345",
    "took 8 2026-11-29 10:00",
    "900 2026-11-29 10:00",
    "8.35.192.168",
]


def test_a_masked_number_cannot_be_called() -> None:
    assert mask_number("79261234567") == MASKED


@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize(
    "words",
    ["{}", "wrong number {}", "number={}, code 5", "тел.{}.", '{{"to": "{}"}}', "79031112233,{}"],
)
def test_a_number_is_masked_in_every_notation(words: str, written: str) -> None:
    expected = words.format(MASKED).replace("79031112233", "7903*****33")
    assert mask_numbers(words.format(written)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("to=%2B79261234567&x", f"to=%2B{MASKED}&x"),
        ("to=%2079261234567", f"to=%20{MASKED}"),
        ("error.79261234567", f"error.{MASKED}"),
        ("+7 (495) 123-45-67", "7495*****67"),
        (MASKED, MASKED),
    ],
)
def test_so_it_is_in_an_address_or_after_a_point(text: str, expected: str) -> None:
    assert mask_numbers(text) == expected


@pytest.mark.parametrize("written", WRITTEN)
def test_the_words_of_a_gateway_are_masked_before_they_are_stored(written: str) -> None:
    assert make_readable(f"{written}\nis barred") == f"{MASKED} is barred"


@pytest.mark.parametrize("text", OTHER)
def test_other_figures_stay(text: str) -> None:
    assert mask_numbers(text) == text
