"""A frozen process delays no other process for long: each of its locks ends."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.gateways.standing import Standing
from tests.pipeline.frozen import frozen_in_a_chunk, frozen_in_a_request, frozen_in_a_tick
from tests.pipeline.gateways import http, stack_at
from tests.pipeline.mailings import audit, create, fill, read, wait_ended
from tests.stack.embedded_servers import wait_until
from tests.stack.running import RunningStack

CLIENTS = 3_000
#: The required limit in seconds.
STOP_SECONDS, START_SECONDS = 5.0, 10.0


@pytest.fixture(scope="module")
def gateway() -> Iterator[Standing]:
    with Standing() as standing:
        yield standing


@pytest.fixture(scope="module")
def stack(gateway: Standing) -> Iterator[RunningStack]:
    with stack_at(gateway, http(gateway, "main", deadline="1")) as running:
        yield running


@pytest.fixture(autouse=True)
def audience(stack: RunningStack, gateway: Standing) -> None:
    gateway.sandbox.ledger.clear()
    fill(stack, CLIENTS)


def stop(stack: RunningStack, number: str) -> float:
    """Put a number on the stop list; return the seconds until the answer."""
    began = time.monotonic()
    answer = stack.api("POST", "stop-list/", {"phone_numbers": [number]})
    assert answer.status == 200, answer.body
    return time.monotonic() - began


def lateness(stack: RunningStack, mailing: int) -> float:
    """Return how many seconds after its start time a mailing started."""
    wait_until(lambda: read(stack, mailing)["started_at"], 60)
    [(late,)] = stack.sql(
        "SELECT extract(epoch FROM started_at - starts_at)::float8 FROM mailings_mailing"
        " WHERE id = %s",
        (mailing,),
    )
    return float(late)


def everybody_got_one(stack: RunningStack, gateway: Standing, mailing: int) -> None:
    wait_ended(stack, mailing, seconds=90)
    wait_until(gateway.says_no_more, 30)
    report = audit(stack, mailing, gateway.times())
    assert report.adds_up
    assert (report.doubled, report.lost, report.false_sent) == ([], [], [])
    assert report.arrived + report.rows.get("suppressed", 0) == CLIENTS


def test_a_frozen_enlisting_holds_up_neither_a_stop_nor_another_mailing(
    stack: RunningStack, gateway: Standing
) -> None:
    mailing = create(stack, provider="main", rate_limit=1000)
    with frozen_in_a_chunk(stack):
        other = create(stack, starts_in=1.0, provider="main", filter={"tags": ["tag1"]})
        with ThreadPoolExecutor() as callers:
            stopped_in = callers.submit(stop, stack, "79000000004")
            [(client,)] = stack.sql(
                "SELECT id FROM audience_client WHERE phone_number = '79000000009'"
            )
            began = time.monotonic()
            deleted = stack.api("DELETE", f"clients/{client}/")
            assert deleted.status == 204
            assert time.monotonic() - began < STOP_SECONDS
            assert stopped_in.result() < STOP_SECONDS
        assert lateness(stack, other) < START_SECONDS
        # Another process continues what the frozen one has begun.
        wait_until(lambda: read(stack, mailing)["enlisted_at"], 60)
    wait_ended(stack, other, seconds=60)
    wait_ended(stack, mailing, seconds=60)
    for each in (mailing, other):
        report = audit(stack, each, {})
        assert report.adds_up
    sent = gateway.times()
    assert sent.get("79000000004", 0) == sent.get("79000000009", 0) == 0
    assert max(sent.values()) <= 2
    assert sum(times == 2 for times in sent.values()) == read(stack, other)["progress"]["sent"]


def test_a_frozen_scheduler_starts_mailings_in_time(stack: RunningStack, gateway: Standing) -> None:
    with frozen_in_a_tick(stack):
        mailing = create(stack, starts_in=2.0, provider="main", rate_limit=1000)
        assert lateness(stack, mailing) < START_SECONDS
    everybody_got_one(stack, gateway, mailing)


def test_a_frozen_request_holds_up_no_other(stack: RunningStack, gateway: Standing) -> None:
    mailing = create(stack, provider="main", rate_limit=50)
    wait_until(lambda: read(stack, mailing)["enlisted_at"], 60)
    with frozen_in_a_request(stack, lambda: try_to_stop(stack, "79000000001")):
        assert stop(stack, "79000002999") < STOP_SECONDS
    stack.api("POST", f"mailings/{mailing}/cancel/")
    wait_ended(stack, mailing, seconds=60)
    assert audit(stack, mailing, gateway.times()).adds_up
    assert gateway.times().get("79000002999", 0) == 0


def try_to_stop(stack: RunningStack, number: str) -> None:
    """The request that was frozen may fail, with an answer that allows a repetition."""
    answer = stack.api("POST", "stop-list/", {"phone_numbers": [number]})
    assert answer.status in (200, 409, 503), answer
