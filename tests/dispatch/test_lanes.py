"""How a lane shares its process, and how little it asks of the others."""

import time
from typing import Any

import pytest
import redis

from tests.builders import counts, make_running
from tests.dispatch.lane import lane, provider

pytestmark = pytest.mark.django_db(transaction=True)

QUEUE = "vestnik"


def hints(url: str) -> int:
    """How many hints are with the broker; the publisher's thread has had its time."""
    time.sleep(0.5)
    with redis.Redis.from_url(url) as broker:
        return int(broker.llen(QUEUE))


def test_a_paced_mailing_is_looked_at_when_it_is_through_and_not_in_each_rest(
    settings: Any,
) -> None:
    mailing = make_running(100, rate_limit=50)
    before = hints(settings.REDIS_URL)

    with provider(settings, "null", "vestnik.providers.null.NullProvider"), lane("null") as null:
        null.work()

    assert counts(mailing) == {"sent": 100}
    assert 1 <= hints(settings.REDIS_URL) - before <= 2
