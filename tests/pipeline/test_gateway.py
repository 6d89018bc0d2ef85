"""The whole stack and a gateway, audited at the gateway's ledger."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.gateways.standing import Standing
from tests.pipeline.gateways import http, smpp, stack_at
from tests.pipeline.mailings import AuditReport, audit, command, create, fill, read, wait_ended
from tests.stack.embedded_servers import wait_until
from tests.stack.running import RunningStack

USUAL = {
    "delay": 0.0,
    "percent": {},
    "once": [],
    "retry_after": 1.0,
    "deduplicates": False,
    "receipts": False,
    "receipts_doubled": 0.0,
}
RATE = 100


@pytest.fixture(scope="module")
def standing() -> Iterator[Standing]:
    with Standing(smpp=True) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def stack(standing: Standing) -> Iterator[RunningStack]:
    environ = {
        **http(standing, "main", window="50"),
        **http(standing, "slow", deadline="5", temporary_statuses="429,500"),
        **http(standing, "again", in_doubt="resend", deduplicates="true"),
        **http(standing, "paced", max_rate=str(RATE)),
        **smpp(standing, "smpp"),
    }
    with stack_at(standing, environ) as running:
        yield running


@pytest.fixture
def gateway(standing: Standing) -> Iterator[Standing]:
    standing.sandbox.ledger.clear()
    standing.set(**USUAL)
    yield standing
    standing.set(**USUAL)


def finished(
    stack: RunningStack, gateway: Standing, mailing: int, seconds: float = 30
) -> AuditReport:
    """Return the audit of the ended mailing: the sums hold, and no message is lost or doubled."""
    wait_ended(stack, mailing, seconds)
    report = audit(stack, mailing, gateway.times())
    assert report.adds_up, report
    assert not report.doubled
    assert not report.lost
    assert not report.false_sent
    return report


def attempts(stack: RunningStack, mailing: int) -> Counter[int]:
    query = "SELECT attempts FROM dispatch_message WHERE mailing_id = %s"
    return Counter(row[0] for row in stack.sql(query, (mailing,)))


@pytest.mark.parametrize("provider", ["main", "smpp"])
def test_every_client_gets_it_once_with_the_validity(
    stack: RunningStack, gateway: Standing, provider: str
) -> None:
    fill(stack, 2_000)
    mailing = create(stack, provider=provider, ends_in=600, text="Привет 😀")
    report = finished(stack, gateway, mailing)
    assert report.rows == {"sent": 2_000}
    assert report.arrived == len(gateway.taken) == 2_000
    assert {taken.text for taken in gateway.taken} == {"Привет 😀"}
    if provider == "main":
        assert all(560 <= int(taken.validity) <= 600 for taken in gateway.taken)
    else:  # YYMMDDhhmmss and so on, relative
        assert all(taken.validity.startswith("0000000009") for taken in gateway.taken)


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
    time.sleep(1.0)
    assert len(gateway.taken) == report.arrived
    assert attempts(stack, mailing)[2] > 0  # some were retried


def test_what_was_refused_for_now_is_tried_again_later(
    stack: RunningStack, gateway: Standing
) -> None:
    fill(stack, 500)
    gateway.set(once=["accept", "fail"] * 100)
    mailing = create(stack, provider="slow")
    report = finished(stack, gateway, mailing)
    assert report.rows == {"sent": 500}
    assert sum(n * times for n, times in attempts(stack, mailing).items()) == 600
    first = min(taken.at for taken in gateway.taken)
    assert max(taken.at for taken in gateway.taken) - first >= 1.0


def test_a_throttling_gateway_slows_us_down_and_costs_nobody_an_attempt(
    stack: RunningStack, gateway: Standing
) -> None:
    fill(stack, 500)
    gateway.set(percent={"throttle": 100}, retry_after=1)
    before = gateway.sandbox.requests
    mailing = create(stack, provider="main")
    time.sleep(4.0)
    asked = gateway.sandbox.requests - before
    assert 0 < asked <= 50 * 4 * 5  # a window for each batch and second, no more
    gateway.set(percent={})
    assert finished(stack, gateway, mailing).rows == {"sent": 500}
    assert attempts(stack, mailing) == {1: 500}


def test_lost_answers_are_unknown_and_stay_so_until_the_operator_decides(
    stack: RunningStack, gateway: Standing
) -> None:
    fill(stack, 1_000)
    gateway.set(percent={"take_and_drop": 10})
    mailing = create(stack, provider="main")
    report = finished(stack, gateway, mailing)
    assert report.arrived == 1_000
    assert 50 < report.rows["unknown"] < 200
    assert report.rows["sent"] + report.rows["unknown"] == 1_000

    answer = stack.api("POST", f"mailings/{mailing}/unknown/", {"action": "give_up"})
    assert answer.body["messages"] == report.rows["unknown"]
    assert finished(stack, gateway, mailing).rows["failed"] == report.rows["unknown"]


def test_what_the_operator_resends_goes_out_once_more(
    stack: RunningStack, gateway: Standing
) -> None:
    fill(stack, 200)
    gateway.set(once=["drop"] * 50)
    mailing = create(stack, provider="main")
    assert finished(stack, gateway, mailing).rows == {"sent": 150, "unknown": 50}

    answer = stack.api("POST", f"mailings/{mailing}/unknown/", {"action": "resend"})
    assert answer.body["messages"] == 50
    report = finished(stack, gateway, mailing)
    assert (report.rows, report.arrived) == ({"sent": 200}, 200)


def test_under_resend_a_gateway_that_deduplicates_has_everybody_exactly_once(
    stack: RunningStack, gateway: Standing
) -> None:
    fill(stack, 1_000)
    gateway.set(percent={"take_and_drop": 10}, deduplicates=True)
    mailing = create(stack, provider="again")
    report = finished(stack, gateway, mailing, seconds=60)
    assert report.rows == {"sent": 1_000}
    assert len(gateway.taken) == 1_000


@pytest.mark.parametrize("provider", ["main", "smpp"])
def test_receipts_early_and_doubled_make_delivered(
    stack: RunningStack, gateway: Standing, provider: str
) -> None:
    fill(stack, 500)
    gateway.set(receipts=True, receipts_doubled=30)
    mailing = create(stack, provider=provider)
    wait_ended(stack, mailing, seconds=30)
    wait_until(lambda: read(stack, mailing)["progress"]["delivered"] == 500, seconds=20)
    assert finished(stack, gateway, mailing).rows == {"delivered": 500}
    assert gateway.sandbox.receipts.refused == 0


def test_smpp_throttling_slows_down_and_loses_nobody(
    stack: RunningStack, gateway: Standing
) -> None:
    fill(stack, 500)
    gateway.set(once=["throttle"] * 40)
    mailing = create(stack, provider="smpp")
    assert finished(stack, gateway, mailing).rows == {"sent": 500}
    assert attempts(stack, mailing) == {1: 500}


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


@pytest.mark.parametrize("provider", ["main", "smpp"])
def test_while_the_gateway_is_down_the_breaker_is_open_and_attempts_are_not_burnt(
    stack: RunningStack, gateway: Standing, provider: str
) -> None:
    fill(stack, 1_000)
    gateway.down()
    mailing = create(stack, provider=provider)
    wait_for_breaker(stack, provider, lambda state: state != "closed")
    time.sleep(4.0)
    shown = breaker(stack, provider)
    gateway.up()
    report = finished(stack, gateway, mailing, seconds=60)
    assert shown["state"] in ("open", "half-open")
    assert shown["reason"]
    assert report.rows == {"sent": 1_000}
    assert max(attempts(stack, mailing)) <= 4
    assert sum(n * times for n, times in attempts(stack, mailing).items()) <= 1_000 + 4 * 100
    wait_for_breaker(stack, provider, lambda state: state == "closed")


def breaker(stack: RunningStack, provider: str) -> Any:
    return stack.api("GET", f"providers/{provider}/").body["breaker"]


def wait_for_breaker(stack: RunningStack, provider: str, holds: Callable[[str], bool]) -> None:
    wait_until(lambda: holds(breaker(stack, provider)["state"]), seconds=15)


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
