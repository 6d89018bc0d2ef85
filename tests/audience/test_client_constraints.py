"""What the database itself refuses of a client."""

from typing import Any

import pytest
from django.db import DataError, IntegrityError

from tests.builders import make_client
from vestnik.audience.models import Client

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "fields",
    [
        {"phone_number": "89261234567"},
        {"phone_number": "7926123456"},
        {"phone_number": "7926123456a"},
        {"phone_number": ""},
        {"operator_code": "92"},
        {"operator_code": "abc"},
        {"timezone": ""},
        {"attributes": []},
        {"attributes": "x"},
    ],
)
def test_a_client_that_breaks_a_rule_cannot_be_stored(fields: dict[str, Any]) -> None:
    given = {"phone_number": "79261234567", "operator_code": "926", **fields}

    with pytest.raises((IntegrityError, DataError)):
        Client.objects.create(**given)


def test_a_number_is_stored_once() -> None:
    make_client("79261234567")

    with pytest.raises(IntegrityError):
        make_client("79261234567")
