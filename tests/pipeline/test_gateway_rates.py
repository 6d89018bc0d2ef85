"""A rate, an end and a share of refusals, held by the whole stack at a gateway."""

import time
from collections.abc import Iterator
from datetime import datetime

import pytest

from tests.gateways.standing import Standing
from tests.pipeline.gateways import attempts, finished, http, smpp, stack_at
from tests.pipeline.mailings import command, create, fill, read, wait_ended
from tests.stack.embedded_servers import wait_until
from tests.stack.running import RunningStack

RATE = 100


@pytest.fixture(scope="module")
def stack(standing: Standing) -> Iterator[RunningStack]:
    environ = {
        **http(standing, "main", window="50"),
        **http(standing, "slow", deadline="5", temporary_statuses="429,500"),
        **http(standing, "paced", max_rate=str(RATE)),
        **smpp(standing, "smpp"),
    }
    with stack_at(standing, environ) as running:
        yield running


def test_nothing_arrives_at_the_end_though_answers_are_slow_and_retries_pend(
    stack: RunningStack, gateway: Standing
) -> None:
    fill(stack, 100)  # a flight, so there is time to retry
    gateway.set(delay=2.0, percent={"fail": 60})
    mailing = create(stack, provider="slow", ends_in=7.0)
    ends_at = datetime.fromisoformat(read(stack, mailing)["ends_at"]).timestamp()
    report = finished(stack, gateway, mailing)
    assert report.rows["sent"] > 0
    assert report.rows["expired"] > 0
    assert max(taken.at for taken in gateway.taken) < ends_at
    time.sleep(1.0)  # a late one would arrive by then
    assert len(gateway.taken) == report.arrived
    assert attempts(stack, mailing)[2] > 0  # some were retried


def test_an_smsc_that_throttles_now_and_then_is_not_taken_for_down(
    stack: RunningStack, gateway: Standing
) -> None:
    fill(stack, 6_000)  # batches for both places of both workers
    opened = "SELECT changed_at, openings FROM dispatch_breaker WHERE alias = 'smpp'"
    before = stack.sql(opened)
    gateway.set(percent={"throttle": 2})
    mailing = create(stack, provider="smpp")
    assert finished(stack, gateway, mailing, seconds=60).rows == {"sent": 6_000}
    assert attempts(stack, mailing) == {1: 6_000}
    assert stack.sql(opened) == before


def test_a_mailing_that_is_refused_for_good_pauses_itself(
    stack: RunningStack, gateway: Standing
) -> None:
    fill(stack, 2_000)
    gateway.set(percent={"refuse": 50})
    mailing = create(stack, provider="main")
    wait_until(lambda: read(stack, mailing)["state"] == "paused", seconds=10)
    assert "messages were refused; the last one: 400" in read(stack, mailing)["state_reason"]
    assert read(stack, mailing)["progress"]["queued"] > 1_000
    command(stack, mailing, "cancel")
    finished(stack, gateway, mailing)


def test_the_providers_rate_is_held_over_all_workers_and_mailings(
    stack: RunningStack, gateway: Standing
) -> None:
    fill(stack, 750)
    mailings = [create(stack, provider="paced") for _ in range(2)]
    for mailing in mailings:
        wait_ended(stack, mailing, seconds=40)
    times = sorted(taken.at for taken in gateway.taken)
    assert len(times) == 1_500
    most = max(sum(start <= at < start + 10 for at in times) for start in times[::10])
    assert most <= RATE * 10 * 1.05
    assert (len(times) - 1) / (times[-1] - times[0]) >= RATE * 0.95
