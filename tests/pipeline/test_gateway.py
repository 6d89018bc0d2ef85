"""The whole stack and a gateway, audited at the gateway's ledger."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.gateways.standing import Standing
from tests.pipeline.gateways import attempts, finished, http, smpp, stack_at
from tests.pipeline.mailings import create, fill, read, wait_ended
from tests.stack.embedded_servers import wait_until
from tests.stack.running import RunningStack


@pytest.fixture(scope="module")
def stack(standing: Standing) -> Iterator[RunningStack]:
    environ = {
        # No answer is late in these tests, however busy the machine is.
        **http(standing, "main", window="50", deadline="20"),
        **http(standing, "slow", deadline="20", temporary_statuses="429,500"),
        **http(standing, "again", in_doubt="resend", deduplicates="true", deadline="20"),
        **smpp(standing, "smpp", deadline="20"),
    }
    with stack_at(standing, environ) as running:
        yield running


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
    wait_until(lambda: gateway.sandbox.requests > before, 30)
    time.sleep(4.0)
    asked = gateway.sandbox.requests - before
    assert asked <= 50 * 4 * 5  # a window for each batch and second, no more
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
    report = finished(stack, gateway, mailing)
    assert report.rows == {"sent": 1_000}
    assert len(gateway.taken) == 1_000


@pytest.mark.parametrize("provider", ["main", "smpp"])
def test_receipts_early_and_doubled_make_delivered(
    stack: RunningStack, gateway: Standing, provider: str
) -> None:
    fill(stack, 500)
    gateway.set(receipts=True, receipts_doubled=30)
    mailing = create(stack, provider=provider)
    wait_ended(stack, mailing, seconds=60)
    wait_until(lambda: read(stack, mailing)["progress"]["delivered"] == 500, seconds=60)
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
    report = finished(stack, gateway, mailing)
    assert shown["state"] in ("open", "half-open")
    assert shown["reason"]
    assert report.rows == {"sent": 1_000}
    assert max(attempts(stack, mailing)) <= 4
    assert sum(n * times for n, times in attempts(stack, mailing).items()) <= 1_000 + 4 * 100
    wait_for_breaker(stack, provider, lambda state: state == "closed")


def breaker(stack: RunningStack, provider: str) -> Any:
    return stack.api("GET", f"providers/{provider}/").body["breaker"]


def wait_for_breaker(stack: RunningStack, provider: str, holds: Callable[[str], bool]) -> None:
    wait_until(lambda: holds(breaker(stack, provider)["state"]), seconds=60)
