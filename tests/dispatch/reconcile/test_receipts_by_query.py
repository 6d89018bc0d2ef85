"""Receipts are polled from a vendor that cannot call back, less often for older messages."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from tests.builders import counts, make_running
from tests.dispatch.dispatching import provider, provider_pool
from tests.dispatch.sent import assert_it_adds_up, record
from tests.dispatch.vendor import Vendor
from vestnik.db import sql
from vestnik.dispatch.reconcile import poll_cursors, status_poller
from vestnik.mailings.models import Mailing
from vestnik.providers.registry import describe

pytestmark = pytest.mark.django_db

KEY = "vestnik:asking:vendor"


@pytest.fixture
def broker(settings: Any) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.delete(KEY)
        yield client


@pytest.fixture
def receipts() -> str:
    return "query"


@pytest.fixture
def vendor(settings: Any, broker: redis.Redis, receipts: str) -> Iterator[Vendor]:
    with Vendor(delay=0) as standing:
        options = {"url": standing.url, "login": "x", "password": "y", "receipts": receipts}
        with provider(settings, "vendor", "smsc", **options):
            yield standing


def sent(count: int, minutes: float) -> Mailing:
    """Return a mailing whose messages were sent that long ago."""
    mailing = make_running(count, provider="vendor")
    record(mailing, ["sent"] * count)
    sql.run(
        "UPDATE dispatch_message SET sent_at = clock_timestamp() - %s * interval '1 min'", [minutes]
    )
    return mailing


def ask(mailing: Mailing) -> int:
    with provider_pool() as found:
        return status_poller.poll(mailing.id, found, lambda: False)


def let_pass(broker: redis.Redis, mailing: Mailing, minutes: float) -> None:
    """Let time pass since the last round: move its start and the messages' dates back."""
    name = f"{mailing.id}:sent"
    began, before, turn, after = json.loads(broker.hget(KEY, name))
    broker.hset(KEY, name, json.dumps([began - minutes * 60, before, turn, after]))
    sql.run("UPDATE dispatch_message SET sent_at = sent_at - %s * interval '1 min'", [minutes])


@pytest.mark.parametrize(("status", "state"), [("1", "delivered"), ("20", "undelivered")])
def test_what_it_says_is_a_receipt(vendor: Vendor, status: str, state: str) -> None:
    mailing = sent(6, minutes=2)
    vendor.status = status

    assert status_poller.mailings_to_poll(describe("vendor")) == [mailing.id]
    assert ask(mailing) == 6

    assert counts(mailing) == {state: 6}
    assert_it_adds_up(mailing)
    assert status_poller.mailings_to_poll(describe("vendor")) == []


@pytest.mark.parametrize("receipts", ["callback"])
def test_one_that_calls_back_is_not_asked(vendor: Vendor) -> None:
    mailing = sent(2, minutes=2)
    assert status_poller.mailings_to_poll(describe("vendor")) == []
    assert ask(mailing) == 0
    assert vendor.asked == []


def test_it_is_asked_at_each_age_once(vendor: Vendor, broker: redis.Redis) -> None:
    mailing = sent(1, minutes=0.5)
    ask(mailing)
    asked = [len(vendor.asked)]
    for minutes in (1.0, 1.0, 1.0, 3.0, 5.0, 10.0, 2_900.0, 60.0):
        let_pass(broker, mailing, minutes)
        ask(mailing)
        asked.append(len(vendor.asked))

    # Of an age of 0.5, 1.5, 2.5, 3.5, 6.5, 11.5, 21.5 minutes, 48 hours and 49.
    assert asked == [0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert counts(mailing) == {"sent": 1}


def test_it_is_not_asked_more_than_once_a_minute(vendor: Vendor, broker: redis.Redis) -> None:
    mailing = sent(1, minutes=2)
    ask(mailing)
    let_pass(broker, mailing, poll_cursors.POLL_EVERY / 60 - 0.1)
    sql.run("UPDATE dispatch_message SET sent_at = sent_at - interval '1 hour'")
    ask(mailing)
    assert len(vendor.asked) == 1


def test_what_redis_forgot_is_asked_again(vendor: Vendor, broker: redis.Redis) -> None:
    mailing = sent(2, minutes=20)
    for _ in range(2):
        ask(mailing)
        broker.delete(KEY)
    assert len(vendor.asked) == 4


def test_of_mailings_that_are_long_over_nothing_is_kept(
    vendor: Vendor, broker: redis.Redis
) -> None:
    broker.hset(KEY, "1:sent", json.dumps([1.0, 0.0, 1.0, None]))
    mailing = sent(2, minutes=20)
    ask(mailing)
    assert set(broker.hkeys(KEY)) == {
        f"{mailing.id}:{state}".encode() for state in ("sent", "unknown")
    }


def test_with_redis_away_nothing_is_asked(vendor: Vendor, settings: Any) -> None:
    mailing = sent(2, minutes=20)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert ask(mailing) == 0
    assert vendor.asked == []
