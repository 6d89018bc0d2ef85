"""Hints name no instant, come when they are due, and do not pile up while nobody takes them."""

import json
from collections.abc import Iterator

import pytest
import redis
from django.conf import settings

from tests.stack.servers import wait_until
from vestnik.dispatch import hints

QUEUE = settings.CELERY_TASK_DEFAULT_QUEUE


@pytest.fixture
def broker() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(settings.REDIS_URL, decode_responses=True) as client:
        client.delete(QUEUE)
        yield client
        client.delete(QUEUE)


def queued(broker: redis.Redis) -> list[dict[str, object]]:
    """The headers of what waits, the first given first."""
    return [json.loads(message)["headers"] for message in broker.lrange(QUEUE, 0, -1)][::-1]


def test_no_hint_carries_an_instant(broker: redis.Redis) -> None:
    hints.give("vestnik.look_at", 1)
    hints.give("vestnik.look_at", 2, after=0.01)
    wait_until(lambda: broker.llen(QUEUE) == 2, 10)

    for headers in queued(broker):
        assert headers["eta"] is None
        assert headers["expires"] is None


def test_a_hint_that_is_to_come_later_lets_others_pass(broker: redis.Redis) -> None:
    hints.give("vestnik.look_at", 1, after=0.5)
    hints.give("vestnik.look_at", 2)
    wait_until(lambda: broker.llen(QUEUE) == 1, 10)
    assert queued(broker)[0]["argsrepr"] == "(2,)"
    wait_until(lambda: broker.llen(QUEUE) == 2, 10)


def test_hints_do_not_pile_up_while_no_worker_takes_them(broker: redis.Redis, caplog) -> None:
    for number in range(3 * hints.MOST_QUEUED):
        wait_until(lambda: not hints._pending.full(), 10)
        hints.give("vestnik.look_at", number)
    wait_until(hints._pending.empty, 60)

    def last_is_seen() -> bool:
        hints.give("vestnik.look_at", 0)
        return "no worker takes the hints" in caplog.text

    wait_until(last_is_seen, 10)
    # Its length is looked at five times a second: what a publisher sends in that time is over.
    most = broker.llen(QUEUE)
    assert hints.MOST_QUEUED <= most < 3 * hints.MOST_QUEUED

    broker.delete(QUEUE)

    def flows_again() -> bool:
        hints.give("vestnik.look_at", 0)
        return broker.llen(QUEUE) > 0

    wait_until(flows_again, 10)
