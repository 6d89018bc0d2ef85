"""Two changes of one client at once: neither undoes the other."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.builders import make_client
from vestnik.audience import clients
from vestnik.audience.models import Client

pytestmark = pytest.mark.django_db

NUMBER, OTHER = "79261234567", "79031112233"
CHANGES: list[tuple[dict[str, Any], dict[str, Any], dict[str, str]]] = [
    ({"operator_code": "916"}, {"tag": "y"}, {"operator_code": "916", "tag": "y"}),
    ({"operator_code": "916"}, {"attributes": {}}, {"operator_code": "916"}),
    ({"phone_number": OTHER}, {"tag": "y"}, {"phone_number": OTHER, "operator_code": "903"}),
    # A code that was given stays with the number that comes after it.
    (
        {"operator_code": "916"},
        {"phone_number": OTHER},
        {"phone_number": OTHER, "operator_code": "916"},
    ),
    ({"timezone": "Asia/Tomsk"}, {"phone_number": OTHER}, {"timezone": "Asia/Tomsk"}),
]


@pytest.mark.parametrize(("first", "second", "after"), CHANGES)
@pytest.mark.parametrize("turn", [lambda pair: pair, reversed], ids=["one first", "other first"])
def test_of_two_that_were_read_before_either_was_saved_both_hold(
    first: dict[str, Any],
    second: dict[str, Any],
    after: dict[str, str],
    turn: Callable[[Any], Any],
) -> None:
    client = make_client(NUMBER, timezone_source="number")
    changes = [*turn([first, second])]
    read = [Client.objects.get(id=client.id) for _ in changes]
    for one, wanted in zip(read, changes, strict=True):
        clients.change(one, wanted)
    now = Client.objects.get(id=client.id)
    assert {name: getattr(now, name) for name in after} == after
