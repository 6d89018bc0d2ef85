"""The audience filter."""

import pytest

from tests.builders import make_client
from vestnik.audience.filters import matching

CLIENTS = [("79261234567", "vip"), ("79261234568", ""), ("79031234567", "vip")]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("audience", "found"),
    [
        ({}, [0, 1, 2]),
        ({"operator_codes": [], "tags": []}, [0, 1, 2]),
        ({"operator_codes": ["926"]}, [0, 1]),
        ({"operator_codes": ["926", "903"]}, [0, 1, 2]),
        ({"tags": ["vip"]}, [0, 2]),
        ({"tags": [""]}, [1]),
        ({"operator_codes": ["926"], "tags": ["vip"]}, [0]),
        ({"operator_codes": ["999"]}, []),
    ],
)
def test_values_are_alternatives_and_kinds_narrow_each_other(
    audience: dict[str, list[str]], found: list[int]
) -> None:
    ids = [make_client(number, tag=tag).id for number, tag in CLIENTS]

    matched = set(matching(audience).values_list("id", flat=True))

    assert matched == {ids[index] for index in found}
