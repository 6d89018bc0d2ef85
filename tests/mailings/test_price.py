"""The price of segments."""

from decimal import Decimal

import pytest
from pytest_django import Settings

from vestnik.mailings.price import price_of
from vestnik.providers.registry import describe


@pytest.fixture(autouse=True)
def priced(settings: Settings):
    settings.SMS_PROVIDERS = {
        "dear": {"BACKEND": "null", "OPTIONS": {"price_per_segment": "3.15"}},
        "unpriced": {"BACKEND": "null"},
    }
    describe.cache_clear()
    yield
    describe.cache_clear()


def test_each_segment_costs_what_the_provider_takes() -> None:
    assert price_of("dear", 3) == Decimal("9.45")
    assert price_of("dear", 0) == 0


@pytest.mark.parametrize("alias", ["unpriced", "gone"])
def test_a_price_that_is_not_known_is_none(alias: str) -> None:
    assert price_of(alias, 3) is None
