"""Counters of many processes are summed in Redis, which may be unavailable."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.stack.embedded_servers import wait_until
from vestnik.db import redis_client
from vestnik.dispatch.signals.metrics import (
    KEY,
    LATENCY_BUCKETS,
    Counters,
    totals,
)
from vestnik.providers.base import Accepted, Deferred, OutboundMessage, Rejected, Unknown

#: A name that nothing else counts: the process's own counters are flushed to the same hash.
ALIAS = "of-this-test"


@contextmanager
def emptied() -> Iterator[None]:
    """Start and end each test without counts."""
    redis_client.client().delete(KEY)
    yield
    redis_client.client().delete(KEY)


def counted() -> dict[str, float]:
    """The counts of the test."""
    return {name: count for name, count in totals().items() if ALIAS in name.split("|")}


def came_back(seconds: float) -> OutboundMessage:
    now = time.monotonic()
    message = OutboundMessage(1, 1, "79261234567", "x", depart_before=now + 9, expires_at=now + 9)
    message.departed_at, message.answered_at = now, now + seconds
    return message


def test_two_workers_add_up():
    with emptied():
        one, other = Counters(), Counters()
        one.count("leases_lost", ALIAS)
        other.count("leases_lost", ALIAS, 2)
        other.count_flight(ALIAS, [came_back(0.02)], [Accepted()])
        one.count_flight(
            ALIAS, [came_back(0.2), came_back(20)], [Rejected("8", "no"), Unknown("?")]
        )
        one.count_flight(ALIAS, [], [Deferred("later"), None])
        for each in (one, other):
            each.flush()
            each.flush()

        found = counted()
    assert found[f"leases_lost|{ALIAS}"] == 3
    outcomes = {name: n for name, n in found.items() if name.startswith("hand_overs|")}
    assert outcomes == dict.fromkeys(
        [f"hand_overs|{ALIAS}|{w}" for w in ("accepted", "rejected", "unknown", "deferred")]
        + [f"hand_overs|{ALIAS}|too_late"],
        1.0,
    )
    buckets = {name: n for name, n in found.items() if "_bucket|" in name}
    assert buckets == {
        f"hand_over_seconds_bucket|{ALIAS}|2": 1,
        f"hand_over_seconds_bucket|{ALIAS}|5": 1,
        f"hand_over_seconds_bucket|{ALIAS}|{len(LATENCY_BUCKETS)}": 1,
    }
    assert 20.2 < found[f"hand_over_seconds_sum|{ALIAS}"] < 20.3


def test_what_is_counted_while_redis_is_away_is_added_once_it_is_back(settings: Any):
    with emptied():
        worker, here = Counters(), settings.REDIS_URL
        worker.count("permits", ALIAS, 2)
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        worker.flush()
        assert totals() == {}
        worker.count("permits", ALIAS, 3)
        settings.REDIS_URL = here
        worker.flush()
        assert counted() == {f"permits|{ALIAS}": 5.0}


@contextmanager
def paused_writes() -> Iterator[None]:
    """Let no client write to Redis during the block."""
    broker = redis_client.client()
    broker.client_pause(60_000, all=False)
    try:
        yield
    finally:
        broker.client_unpause()


def test_what_another_thread_is_flushing_is_in_the_hash_when_a_flush_returns(settings: Any):
    """A worker that ends flushes once more, and its counts were lost if its thread was at it."""
    settings.REDIS_URL += ("&" if "?" in settings.REDIS_URL else "?") + "socket_timeout=60"
    with emptied():
        worker, broker = Counters(), redis_client.client()
        worker.count("permits", ALIAS, 2)
        flushing, last = (threading.Thread(target=worker.flush) for _ in range(2))
        with paused_writes():
            flushing.start()
            wait_until(lambda: broker.info("clients")["blocked_clients"], 10)
            last.start()
            last.join(0.2)
            assert last.is_alive()
        last.join(30)
        assert counted() == {f"permits|{ALIAS}": 2.0}
        flushing.join(30)
