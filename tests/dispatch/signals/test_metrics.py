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


@contextmanager
def emptied() -> Iterator[None]:
    """Start and end each test without counts."""
    redis_client.client().delete(KEY)
    yield
    redis_client.client().delete(KEY)


def came_back(seconds: float) -> OutboundMessage:
    now = time.monotonic()
    message = OutboundMessage(1, 1, "79261234567", "x", depart_before=now + 9, expires_at=now + 9)
    message.departed_at, message.answered_at = now, now + seconds
    return message


def test_two_workers_add_up():
    with emptied():
        one, other = Counters(), Counters()
        one.count("leases_lost", "")
        other.count("leases_lost", "", 2)
        other.count_flight("main", [came_back(0.02)], [Accepted()])
        one.count_flight(
            "main", [came_back(0.2), came_back(20)], [Rejected("8", "no"), Unknown("?")]
        )
        one.count_flight("main", [], [Deferred("later"), None])
        for each in (one, other):
            each.flush()
            each.flush()

        found = totals()
    assert found["leases_lost|"] == 3
    outcomes = {name: n for name, n in found.items() if name.startswith("hand_overs|")}
    assert outcomes == dict.fromkeys(
        [f"hand_overs|main|{w}" for w in ("accepted", "rejected", "unknown", "deferred")]
        + ["hand_overs|main|too_late"],
        1.0,
    )
    buckets = {name: n for name, n in found.items() if "_bucket|" in name}
    assert buckets == {
        "hand_over_seconds_bucket|main|2": 1,
        "hand_over_seconds_bucket|main|5": 1,
        f"hand_over_seconds_bucket|main|{len(LATENCY_BUCKETS)}": 1,
    }
    assert 20.2 < found["hand_over_seconds_sum|main"] < 20.3


def test_what_is_counted_while_redis_is_away_is_added_once_it_is_back(settings: Any):
    with emptied():
        worker, here = Counters(), settings.REDIS_URL
        worker.count("permits", "main", 2)
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        worker.flush()
        assert totals() == {}
        worker.count("permits", "main", 3)
        settings.REDIS_URL = here
        worker.flush()
        assert totals() == {"permits|main": 5.0}


def test_what_another_thread_is_flushing_is_in_the_hash_when_a_flush_returns():
    """A worker that ends flushes once more, and its counts were lost if its thread was at it."""
    with emptied():
        worker, broker = Counters(), redis_client.client()
        worker.count("permits", "main", 2)
        broker.client_pause(500, all=False)
        other = threading.Thread(target=worker.flush)
        other.start()
        wait_until(lambda: broker.info("clients")["blocked_clients"], 10)
        worker.flush()
        assert totals() == {"permits|main": 2.0}
        other.join()
