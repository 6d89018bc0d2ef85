"""The audience filter."""

from typing import Any

import pytest

from tests.builders import make_client
from vestnik.audience.filters.selection import matching

CLIENTS: list[tuple[str, str, dict[str, Any]]] = [
    ("79261234567", "vip", {"city": "Казань", "age": 30, "born": "1996-05-01", "adult": True}),
    ("79261234568", "", {"city": "Уфа", "age": "17", "born": "2009-01-31T23:00:00+03:00"}),
    ("79031234567", "vip", {"city": ["Казань"], "age": 18.5, "5": "five", "a__b": 1, "x": None}),
    ("79031234568", "new", {}),
]
EVERYBODY = [0, 1, 2, 3]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("audience", "found"),
    [
        ({}, EVERYBODY),
        ({"operator_codes": [], "tags": [], "attributes": {}, "exclude": {}}, EVERYBODY),
        ({"operator_codes": ["926"]}, [0, 1]),
        ({"operator_codes": ["926", "903"]}, EVERYBODY),
        ({"tags": ["vip"]}, [0, 2]),
        ({"tags": [""]}, [1]),
        ({"tags": ["VIP"]}, [0, 2]),
        ({"tags": ["Vip", ""]}, [0, 1, 2]),
        ({"tags": ["%s"]}, []),
        ({"operator_codes": ["926"], "tags": ["vip"]}, [0]),
        ({"operator_codes": ["999"]}, []),
    ],
)
def test_values_are_alternatives_and_kinds_narrow_each_other(
    audience: dict[str, Any], found: list[int]
) -> None:
    assert selected(audience) == found


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("attributes", "found"),
    [
        ({"city": "Казань"}, [0]),
        ({"city": ["Казань", "Уфа"]}, [0, 1]),
        ({"city": [*map(str, range(20)), "Уфа"]}, [1]),
        ({"city": "казань"}, [0]),
        ({"city": "КАЗАНЬ"}, [0]),
        ({"city": ["УФА", "кАЗАНЬ"]}, [0, 1]),
        ({"City": "Казань"}, []),
        ({"city": "Казан"}, []),
        ({"city": '["казань"]'}, []),
        ({"age": "17"}, [1]),
        ({"age": "30"}, []),
        ({"age": ["17", 30]}, [0, 1]),
        ({"adult": "true"}, []),
        ({"adult": ["x", True]}, [0]),
        ({"x": "null"}, []),
        ({"%s": "x"}, []),
        ({"age": 30}, [0]),
        ({"age": 30.0}, [0]),
        ({"adult": True}, [0]),
        ({"adult": 1}, []),
        ({"age": {"gte": 18}}, [0, 2]),
        ({"age": {"lte": 18.5}}, [1, 2]),
        ({"age": {"gte": 17, "lte": 18.5}}, [1, 2]),
        ({"city": {"gte": 0}}, []),
        ({"born": {"gte": "1996-05-01"}}, [0, 1]),
        ({"born": {"lte": "2009-01-31"}}, [0, 1]),
        ({"born": {"gte": "1996-05-02", "lte": "2009-01-30"}}, []),
        ({"age": {"gte": "1996-05-01"}}, []),
        ({"born": {"present": True}}, [0, 1]),
        ({"born": {"present": False}}, [2, 3]),
        ({"x": {"present": True}}, []),
        ({"age": {"present": True, "lte": 18}}, [1]),
        ({"5": "five"}, [2]),
        ({"a__b": {"gte": 1}}, [2]),
        ({"city": "Казань", "age": {"gte": 31}}, []),
        ({"%s": "Казань"}, []),
        ({"%(x)s": {"gte": 1}}, []),
    ],
)
def test_attributes_are_compared_as_what_they_are(
    attributes: dict[str, Any], found: list[int]
) -> None:
    assert selected({"attributes": attributes}) == found


@pytest.mark.django_db
@pytest.mark.parametrize(
    "audience",
    [
        {"operator_codes": ["926"]},
        {"operator_codes": ["926"], "tags": ["vip"]},
        {"attributes": {"city": "Казань"}},
        {"attributes": {"city": "казань"}},
        {"attributes": {"age": ["17", 30]}},
        {"tags": ["VIP"]},
        {"attributes": {"city": [*map(str, range(20)), "Уфа"]}},
        {"attributes": {"age": {"gte": 18}}},
        {"attributes": {"born": {"lte": "2000-01-01"}}},
        {"attributes": {"born": {"present": True}}},
        {"attributes": {"born": {"present": False}}},
    ],
)
def test_an_exclusion_leaves_exactly_the_others(audience: dict[str, Any]) -> None:
    taken = selected(audience)

    assert selected({"exclude": audience}) == [n for n in EVERYBODY if n not in taken]


@pytest.mark.django_db
def test_an_exclusion_takes_from_what_the_filter_selects() -> None:
    audience = {"tags": ["vip"], "exclude": {"attributes": {"age": {"gte": 30}}}}

    assert selected(audience) == [2]


def selected(audience: dict[str, Any]) -> list[int]:
    """Which of the clients above the filter selects."""
    ids = {client_id(*client): index for index, client in enumerate(CLIENTS)}
    return sorted(ids[id] for id in matching(audience).values_list("id", flat=True))


def client_id(number: str, tag: str, attributes: dict[str, Any]) -> int:
    known = matching({}).filter(phone_number=number).first()
    return (known or make_client(number, tag=tag, attributes=attributes)).id
