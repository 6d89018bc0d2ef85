"""Subscribers write СТОП while their mailing runs; the gateway's ledger is audited."""

import time
from collections.abc import Iterator

import pytest

from tests.gateways.standing import Standing
from tests.pipeline.gateways import smpp, stack_at
from tests.pipeline.mailings import audit, create, fill, wait_ended, with_retries
from tests.stack.embedded_servers import wait_until
from tests.stack.running import RunningStack

CLIENTS, RATE = 3_000, 500
SUPPRESSED = "SELECT count(*) FROM dispatch_message WHERE mailing_id = %s AND state = 'suppressed'"


@pytest.fixture(scope="module")
def gateway() -> Iterator[Standing]:
    with Standing(smpp=True) as standing:
        yield standing


@pytest.fixture(scope="module")
def stack(gateway: Standing) -> Iterator[RunningStack]:
    gateway.down()
    with stack_at(gateway, smpp(gateway, "main")) as running:
        gateway.set(callback_url="")  # by SMPP only
        gateway.up()
        yield running


def test_stop_is_heard_from_the_start_without_any_mailing_though_the_smsc_came_later(
    stack: RunningStack, gateway: Standing
) -> None:
    wait_until(gateway.sandbox.smpp.listeners, 15)
    gateway.hear("79009999999", "СТОП")
    query = "SELECT phone_number FROM audience_stoplistentry"
    wait_until(lambda: ("79009999999",) in stack.sql(query), 5)
    assert stack.sql("SELECT count(*) FROM mailings_mailing") == [(0,)]


def test_whoever_writes_stop_by_smpp_gets_nothing_after_a_second(
    stack: RunningStack, gateway: Standing
) -> None:
    fill(stack, CLIENTS)
    mailing = create(stack, provider="main", rate_limit=RATE)
    wait_until(lambda: len(gateway.taken) >= 100, 10)
    numbers = [str(79000000000 + n) for n in range(700, CLIENTS, 100)]

    told = {}
    for number in numbers:
        gateway.hear(number, "СТОП")
        told[number] = time.time()
    wait_until(lambda: with_retries(stack, SUPPRESSED, mailing)[0][0] >= len(numbers) - 10, 10)
    took = time.time() - max(told.values())

    wait_ended(stack, mailing, seconds=30)
    report = audit(stack, mailing, gateway.times())
    print(f"{len(numbers)} subscribers stopped, seen by us after {took:.3f} s: {report.rows}")
    late = [t for t in gateway.taken if t.at > told.get(t.phone_number, t.at) + 1.0]
    assert not late
    assert report.adds_up
    assert not report.doubled
    assert report.rows["suppressed"] >= len(numbers) - 10
    assert report.rows["sent"] == len(gateway.taken) == CLIENTS - report.rows["suppressed"]
