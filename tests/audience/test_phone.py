"""Phone numbers, as they are stored and as people write them."""

import pytest
from django.core.exceptions import ValidationError

from vestnik.audience.phone import (
    guess,
    hide,
    operator_code_of,
    validate_operator_code,
    validate_phone_number,
)

MEANT = {
    "79261234567": "79261234567",
    "89261234567": "79261234567",
    "9261234567": "79261234567",
    "+7 (926) 123-45-67": "79261234567",
    "8 926 123 45 67": "79261234567",
    "8.926.123.45.67": "79261234567",
    "7926123456": "77926123456",
    "69261234567": None,
    "792612345678": None,
    "abc": None,
    "": None,
    "٧٩٢٦١٢٣٤٥٦٧": None,
}


@pytest.mark.parametrize("written", MEANT)
def test_what_was_meant_is_guessed(written: str) -> None:
    assert guess(written) == MEANT[written]


@pytest.mark.parametrize("number", ["70000000000", "79261234567", "79999999999"])
def test_every_number_of_the_form_is_accepted(number: str) -> None:
    validate_phone_number(number)


@pytest.mark.parametrize("number", [written for written in MEANT if written != "79261234567"])
def test_every_other_is_refused(number: str) -> None:
    with pytest.raises(ValidationError, match="Write it as 7XXXXXXXXXX"):
        validate_phone_number(number)


@pytest.mark.parametrize("code", ["", "92", "9261", "abc", "٩٢٦", "926\n"])
def test_an_operator_code_is_three_digits(code: str) -> None:
    validate_operator_code("926")
    with pytest.raises(ValidationError):
        validate_operator_code(code)


def test_the_operator_code_is_digits_two_to_four() -> None:
    assert operator_code_of("79261234567") == "926"


def test_a_hidden_number_cannot_be_called() -> None:
    assert hide("79261234567") == "7926*****67"
