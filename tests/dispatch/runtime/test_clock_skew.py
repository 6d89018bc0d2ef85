"""Differences of clocks are measured, and reported in the log, /readyz and /metrics."""

import re

import pytest
import redis
from django.conf import settings
from django.test import Client

from tests.api.caller import Caller
from vestnik.dispatch.runtime import clock_skew
from vestnik.dispatch.runtime.clock_skew import ClockReading
from vestnik.dispatch.signals import heartbeat
from vestnik.stack.doctor import examine

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nothing_measured() -> None:
    redis.Redis.from_url(settings.REDIS_URL).flushdb()


@pytest.mark.parametrize(
    ("ahead", "uncertainty", "is_wrong"),
    [
        (0.0, 0.0, False),
        (0.9, 0.0, False),
        (1.1, 0.0, True),
        (-1.1, 0.0, True),
        (-40.0, 0.1, True),
        # The answer took so long that the clock may be right.
        (1.5, 0.6, False),
        (-6.0, 0.6, True),
    ],
)
def test_a_clock_is_wrong_where_it_certainly_is(ahead, uncertainty, is_wrong) -> None:
    assert ClockReading(ahead, uncertainty).is_wrong is is_wrong


def test_the_clocks_of_one_machine_agree() -> None:
    ours = clock_skew.measure()

    assert abs(ours.ahead) - ours.uncertainty < 0.5
    assert set(heartbeat.read_status().clocks) == {clock_skew.clock_name(), clock_skew.BROKER}


def test_a_host_that_is_ahead_is_said_everywhere(monkeypatch, caplog) -> None:
    monkeypatch.setattr(
        clock_skew, "NOW", clock_skew.NOW.replace("()", "() - interval '6 seconds'")
    )

    clock_skew.measure()

    ready = Client().get("/readyz").json()
    metrics = Caller("viewer").get("/metrics").content.decode()
    faults = [finding for finding in examine() if not finding.is_well]
    assert "this host's clock is not the database's" in caplog.text
    assert re.search(r"(5\.9|6\.\d) s ahead", caplog.text)
    assert ready["status"] == "ok"
    assert 5.5 < ready["pipeline"]["clock_skew_seconds"] < 6.5
    (warning,) = ready["warnings"]
    assert re.search(r"a clock differs from the database's by (5\.9|6\.\d) s", warning)
    assert 5.5 < skew_of(clock_skew.clock_name(), metrics) < 6.5
    assert {"clock of this host", "clock of Redis"} <= {fault.check for fault in faults}


def skew_of(process: str, metrics: str) -> float:
    found = re.search(rf'vestnik_clock_skew_seconds{{process="{process}"}} (\S+)', metrics)
    assert found, metrics
    return float(found[1])


def test_where_all_is_well_nothing_is_said() -> None:
    clock_skew.measure()

    assert Client().get("/readyz").json()["warnings"] == []
    by_name = {finding.check: finding for finding in examine()}
    assert all(by_name[name].is_well for name in ("database", "durability", "migrations", "locks"))
    assert all(by_name[name].is_well for name in ("clock of this host", "clock of Redis", "Redis"))
    assert not by_name["workers"].is_well  # none runs in this test
    assert "vestnik worker" in str(by_name["workers"])


def test_a_scheduler_is_never_younger_than_nothing() -> None:
    """The clock of Redis was set back after the scheduler had noted its run."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.set(heartbeat.SCHEDULER, 1, ex=heartbeat.SCHEDULER_TTL + 40)

    assert heartbeat.read_status().scheduler_age == 0.0
