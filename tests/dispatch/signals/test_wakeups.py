"""Wake-ups carry no time, arrive when they are due, and do not pile up without a consumer."""

import itertools
import json
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.conf import settings

from tests.builders import make_running
from tests.dispatch.dispatching import provider
from tests.stack.embedded_servers import wait_until
from vestnik.dispatch.prepare import enlist
from vestnik.dispatch.prepare.launch import LOOK_AHEAD
from vestnik.dispatch.signals import wakeups

QUEUE = settings.CELERY_TASK_DEFAULT_QUEUE


@pytest.fixture
def broker() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(settings.REDIS_URL, decode_responses=True) as client:
        forget(client)
        yield client
        forget(client)


@pytest.fixture(scope="module", autouse=True)
def no_earlier_ones() -> None:
    """Delayed wake-ups of the tests before would be among those of a test here."""
    with redis.Redis.from_url(settings.REDIS_URL, decode_responses=True) as client:
        forget(client)
        wakeups.publish("vestnik.look_at", 10**9, after=LOOK_AHEAD + 0.1)
        wait_until(lambda: "(1000000000,)" in [one["argsrepr"] for one in queued(client)], 20)


def forget(client: redis.Redis) -> None:
    client.delete(QUEUE, *client.keys(wakeups.PENDING_KEY.format("*", "*")))


def wait_until_accepted(broker: redis.Redis) -> None:
    """Wait until the publisher has measured the short queue again."""
    broker.delete(QUEUE)
    numbers = itertools.count(10**9)

    def is_accepted() -> bool:
        wakeups.publish("vestnik.look_at", next(numbers))
        time.sleep(2 * wakeups.QUEUE_CHECK_EVERY)  # it measures again at the next wake-up only
        return broker.llen(QUEUE) > 0

    wait_until(is_accepted, 20)


def queued(broker: redis.Redis) -> list[dict[str, object]]:
    """Return the headers of the queued messages, the oldest first."""
    return [json.loads(message)["headers"] for message in broker.lrange(QUEUE, 0, -1)][::-1]


def test_no_wakeup_carries_an_instant(broker: redis.Redis) -> None:
    wakeups.publish("vestnik.look_at", 1)
    wakeups.publish("vestnik.look_at", 2, after=0.01)
    wait_until(lambda: broker.llen(QUEUE) == 2, 10)

    for headers in queued(broker):
        assert headers["eta"] is None
        assert headers["expires"] is None


def test_a_wakeup_that_is_to_come_later_lets_others_pass(broker: redis.Redis) -> None:
    wakeups.publish("vestnik.look_at", 1, after=0.5)
    wakeups.publish("vestnik.look_at", 2)
    wait_until(lambda: broker.llen(QUEUE) == 2, 10)
    assert [one["argsrepr"] for one in queued(broker)] == ["(2,)", "(1,)"]


def test_wakeups_do_not_pile_up_while_no_worker_takes_them(broker: redis.Redis, caplog) -> None:
    for number in range(3 * wakeups.MOST_QUEUED):
        wait_until(lambda: wakeups.pending_count() < wakeups.MOST_PENDING, 10)
        wakeups.publish("vestnik.look_at", number)
    wait_until(lambda: not wakeups.pending_count(), 60)

    def last_is_seen() -> bool:
        wakeups.publish("vestnik.look_at", 0)
        return "no worker takes the queued wake-ups" in caplog.text

    wait_until(last_is_seen, 10)
    # The length is measured five times a second, so a publisher may exceed it for that time.
    most = broker.llen(QUEUE)
    assert wakeups.MOST_QUEUED <= most < 3 * wakeups.MOST_QUEUED

    broker.delete(QUEUE)

    def flows_again() -> bool:
        wakeups.publish("vestnik.look_at", 0)
        return broker.llen(QUEUE) > 0

    wait_until(flows_again, 10)


def test_many_at_once_are_not_taken_for_a_broker_that_is_away(broker: redis.Redis, caplog) -> None:
    """As when hundreds of mailings start together, which had logged the line 555 times."""
    for number in range(2 * wakeups.MOST_PENDING):
        wakeups.publish("vestnik.look_at", number)
    wait_until(lambda: not wakeups.pending_count(), 60)

    assert "wake-ups are created faster than they can be published" in caplog.text
    assert "the broker accepts no messages" not in caplog.text
    wait_until_accepted(broker)


def test_what_is_published_while_the_same_waits_is_one_wakeup(broker: redis.Redis) -> None:
    for _ in range(20):
        wakeups.publish("vestnik.look_at", 7)
        wakeups.wake_dispatchers("null")
    wakeups.publish("vestnik.look_at", 8)
    wait_until(lambda: "(8,)" in [one["argsrepr"] for one in queued(broker)], 10)

    waiting = Counter(f"{one['task']} {one['argsrepr']}" for one in queued(broker))

    assert waiting == {
        "vestnik.look_at (7,)": 1,
        "vestnik.work ('null',)": 4,
        "vestnik.look_at (8,)": 1,
    }


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("ready", "wakeups_given"),
    [(0, 0), (1, 1), (3, 3), (20, 4), (wakeups.MANY_READY, 1)],
)
def test_dispatchers_are_woken_for_what_is_ready(
    broker: redis.Redis, monkeypatch: pytest.MonkeyPatch, ready: int, wakeups_given: int
) -> None:
    monkeypatch.setattr(enlist, "BATCH_SIZE", 1)
    mailing = make_running(clients=ready, provider="null")

    wakeups.wake_dispatchers_for(mailing.id)
    wakeups.publish("vestnik.look_at", 12)

    wait_until(lambda: "(12,)" in [one["argsrepr"] for one in queued(broker)], 10)
    tasks = [one["task"] for one in queued(broker)]
    assert tasks == ["vestnik.work"] * wakeups_given + ["vestnik.look_at"]


def test_what_is_published_once_a_worker_has_taken_the_wakeup_is_another_one(
    broker: redis.Redis,
) -> None:
    for count in (1, 2, 3):
        wakeups.publish("vestnik.look_at", 9)
        wait_until(lambda count=count: broker.llen(QUEUE) == count, 10)
        wakeups.mark_taken("vestnik.look_at", [9])


def test_a_wakeup_that_was_lost_is_given_again(broker: redis.Redis) -> None:
    wakeups.publish("vestnik.look_at", 10)
    wait_until(lambda: broker.llen(QUEUE) == 1, 10)
    broker.delete(QUEUE)

    def is_there_again() -> bool:
        wakeups.publish("vestnik.look_at", 10)
        return broker.llen(QUEUE) == 1

    wait_until(is_there_again, 10)


@pytest.mark.django_db
@pytest.mark.parametrize("rate", [{}, {"max_rate": "20"}])
def test_a_wakeup_that_is_lost_with_its_worker_holds_up_no_other(
    broker: redis.Redis, settings: Any, rate: dict[str, str]
) -> None:
    """A killed worker had taken the wake-up of a mailing with one batch from the queue."""
    with provider(settings, "one", "vestnik.providers.null.NullProvider", **rate):
        mailing = make_running(clients=1, provider="one")
        wakeups.wake_dispatchers_for(mailing.id)
        wait_until(lambda: broker.llen(QUEUE) == 1, 10)
        broker.delete(QUEUE)

        wakeups.wake_dispatchers_for(mailing.id)
        wakeups.publish("vestnik.look_at", 13)
        wait_until(lambda: "(13,)" in [one["argsrepr"] for one in queued(broker)], 10)

    assert [one["task"] for one in queued(broker)] == ["vestnik.work", "vestnik.look_at"]


HOUR = 3600.0


def test_requests_one_after_the_other_have_few_wakeups_and_the_last_has_one() -> None:
    """The first at once, then one for all within a time, published when the last was requested."""
    spaced, hours = wakeups.SpacedWakeups(HOUR), list[tuple[str, int]]()
    for _ in range(50):
        for key in ("a", "b"):
            after = spaced.request(key)
            if after is not None:
                hours.append((key, round(after / HOUR)))
    assert hours == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]


def test_small_mailings_and_finished_ones_have_few_wakeups_and_the_last_has_one(
    broker: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = 1.0
    for spaced in ("_dispatch", "_finish"):
        monkeypatch.setattr(wakeups, spaced, wakeups.SpacedWakeups(every))

    began = time.monotonic()
    for mailing in range(50):
        wakeups.wake_dispatcher_soon("null")
        wakeups.finish_soon(mailing)
    most = 2 + int((time.monotonic() - began) / every)  # two, unless the loop was held up

    def given() -> list[int]:
        tasks = [one["task"] for one in queued(broker)]
        return [tasks.count(task) for task in ("vestnik.work", "vestnik.look_at")]

    wait_until(lambda: min(given()) >= 2, 10)
    assert max(given()) <= most


def test_one_wakeup_is_enough_for_a_rate(broker: redis.Redis, settings: Any) -> None:
    with provider(settings, "slow", "vestnik.providers.null.NullProvider", max_rate="20"):
        wakeups.wake_dispatchers("slow")
        wakeups.publish("vestnik.look_at", 11)
        wait_until(lambda: broker.llen(QUEUE) == 2, 10)
    assert [one["task"] for one in queued(broker)] == ["vestnik.work", "vestnik.look_at"]


def test_small_mailings_one_after_the_other_give_a_rate_two_wakeups_at_most(
    broker: redis.Redis, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wakeups, "_dispatch", wakeups.SpacedWakeups(0.001))
    monkeypatch.setattr(wakeups, "PENDING_SECONDS", 60.0)
    with provider(settings, "slow", "vestnik.providers.null.NullProvider", max_rate="20"):
        for _ in range(10_000):  # takes many times as long as the time between two
            wakeups.wake_dispatcher_soon("slow")
        wakeups.publish("vestnik.look_at", 14, after=0.1)
        wait_until(lambda: "(14,)" in [one["argsrepr"] for one in queued(broker)], 20)
    assert [one["task"] for one in queued(broker)].count("vestnik.work") == (
        wakeups.MOST_OF_LIMITED
    )
