"""The breakers of providers, as pages, API and metrics read them."""

import pytest

from tests.dispatch.send.breakers import opened
from vestnik.dispatch.read.breakers import BreakerStatus, breakers_of, open_reasons

pytestmark = pytest.mark.django_db


def test_a_breaker_that_never_opened_is_closed_and_an_open_one_says_why_and_since_when() -> None:
    opened("main", "the gateway fails")

    breakers = breakers_of(["main", "other"])

    assert breakers["other"] == BreakerStatus()
    assert breakers["other"].is_closed
    found = breakers["main"]
    assert (found.state, found.openings, found.is_closed) == ("open", 1, False)
    assert (found.reason, str(found.why)) == ("the gateway fails", "the gateway fails")
    assert found.until is not None
    assert found.changed_at is not None
    assert found.changed_at < found.until
    assert {alias: str(why) for alias, why in open_reasons().items()} == {
        "main": "the gateway fails"
    }
