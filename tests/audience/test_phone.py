"""Phone numbers, as they are stored and as people write them."""

import pytest
from django.core.exceptions import ValidationError

from vestnik.audience.phone import (
    operator_code_of,
    validate_operator_code,
    validate_phone_number,
)

WRONG = {
    "89261234567": "Write it as 7XXXXXXXXXX: 79261234567.",
    "9261234567": "Write it as 7XXXXXXXXXX: 79261234567.",
    "+7 (926) 123-45-67": "Write it as 7XXXXXXXXXX: 79261234567.",
    "7926123456": "one digit is missing. Write it as 7XXXXXXXXXX, eleven digits",
    "69261234567": "Write it as 7XXXXXXXXXX, eleven digits",
    "792612345678": "Write it as 7XXXXXXXXXX, eleven digits",
    "+380501234567": "a foreign number: it begins with +380",
    "abc": "a letter",
    "": "Write it as 7XXXXXXXXXX, eleven digits",
    "\u0667\u0669\u0662\u0666\u0661\u0662\u0663\u0664\u0665\u0666\u0667": "the character",
}


@pytest.mark.parametrize("number", ["70000000000", "79261234567", "79999999999"])
def test_every_number_of_the_form_is_accepted(number: str) -> None:
    validate_phone_number(number)


@pytest.mark.parametrize("written", WRONG)
def test_every_other_is_refused_with_the_remedy(written: str) -> None:
    with pytest.raises(ValidationError) as refused:
        validate_phone_number(written)
    assert WRONG[written] in str(refused.value.message)


@pytest.mark.parametrize("code", ["", "92", "9261", "abc", "٩٢٦", "926\n"])
def test_an_operator_code_is_three_digits(code: str) -> None:
    validate_operator_code("926")
    with pytest.raises(ValidationError):
        validate_operator_code(code)


def test_the_operator_code_is_digits_two_to_four() -> None:
    assert operator_code_of("79261234567") == "926"
