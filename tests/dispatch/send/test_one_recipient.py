"""Refusals of one recipient are distinguished from refusals of the account."""

import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from tests.builders import counts, enlist_all, make_clients, make_mailing, make_running
from tests.dispatch.dispatching import open_dispatcher, provider
from tests.dispatch.send.test_circuit_breaker import let_its_time_pass
from tests.dispatch.sent import assert_it_adds_up
from tests.gateways.builders import outgoing
from tests.gateways.standing import Standing
from tests.stack.embedded_servers import wait_until
from vestnik.db import sql
from vestnik.dispatch.models import Breaker
from vestnik.dispatch.prepare import launch
from vestnik.dispatch.record.due_messages import QueuedMessage
from vestnik.dispatch.send.dispatcher import Dispatcher
from vestnik.dispatch.send.flight import SendResult
from vestnik.dispatch.send.temporary_refusals import (
    LONGEST_COOLDOWN,
    LONGEST_COOLDOWN_FOR_ONE,
    RefusalTracker,
)
from vestnik.mailings.models import Mailing
from vestnik.providers.base import Accepted, Deferred, Outcome, account_refused
from vestnik.sandbox import smpp_server
from vestnik.sandbox.behaviour import Action

BUSY = Deferred("429", provider_wide=True)
LONG = Deferred("429", 3600.0, provider_wide=True)
FORBIDDEN = account_refused("403", perhaps=True)


def results(number: int, outcome: Outcome, at: float) -> SendResult:
    message = outgoing(number)
    message.departed_at = at
    return SendResult(QueuedMessage(number, message.phone_number, None, 1, 0), message, outcome)


def flight(at: float, *outcomes: Outcome) -> list[SendResult]:
    return [results(number, outcome, at) for number, outcome in enumerate(outcomes)]


@pytest.mark.parametrize(
    ("outcomes", "rest"),
    [
        ([Accepted()] * 20, 0.0),
        ([BUSY] * 20, 1.0),
        ([LONG] * 20, LONGEST_COOLDOWN),
        ([Deferred("429", 5.0, provider_wide=True)] * 20, 5.0),
        ([LONG], LONGEST_COOLDOWN_FOR_ONE),  # it may concern the number
        ([LONG] + [Accepted()] * 19, LONGEST_COOLDOWN_FOR_ONE),
        ([LONG] * 10 + [Accepted()] * 10, LONGEST_COOLDOWN_FOR_ONE),
        ([Deferred("503", 60.0)] + [Accepted()] * 19, LONGEST_COOLDOWN_FOR_ONE),
        ([Deferred("503")] * 20, 0.0),
        ([FORBIDDEN], 1.0),
    ],
)
def test_how_long_a_dispatcher_pauses(outcomes: list[Outcome], rest: float) -> None:
    assert RefusalTracker().sort(flight(1.0, *outcomes)).cooldown == rest


@pytest.mark.parametrize("word", [BUSY, LONG, FORBIDDEN])
def test_who_is_refused_again_though_others_were_taken_is_refused_for_themself(
    word: Deferred,
) -> None:
    repeats = RefusalTracker()
    found = repeats.sort(flight(1.0, word, *[Accepted()] * 9))
    assert len(found.about_provider) == 10
    assert 0 in found.retry_delays
    for at in (2.0, 3.0):
        repeats.sort([results(1, Accepted(), at - 0.5)])
        found = repeats.sort([results(0, word, at)])
        assert (found.cooldown, found.about_provider) == (0.0, [])
        assert 0 in found.retry_delays  # no attempt is counted yet
    repeats.sort([results(1, Accepted(), 3.5)])
    found = repeats.sort([results(0, word, 4.0)])
    assert (found.cooldown, found.about_provider, found.retry_delays) == (0.0, [], {})
    (counted,) = found.results
    assert counted.outcome == Deferred(word.reason, word.retry_after)  # an attempt, with back-off


def test_as_long_as_nobody_is_taken_it_is_the_providers_word() -> None:
    repeats = RefusalTracker()
    for at in range(1, 20):
        found = repeats.sort(flight(float(at), *[BUSY] * 5))
        assert (found.cooldown, len(found.about_provider)) == (1.0, 5)


def test_a_few_more_among_many_are_no_reason_to_rest_once_some_are_known() -> None:
    repeats = RefusalTracker()
    for at in (1.0, 2.0):
        repeats.sort([*flight(at, BUSY, BUSY, BUSY), results(9, Accepted(), at + 0.5)])
    assert (
        repeats.sort(
            [results(4, BUSY, 3.0), *[results(n, Accepted(), 3.0) for n in (7, 8, 9)]]
        ).cooldown
        == 0.0
    )
    assert repeats.sort(flight(4.0, *[BUSY] * 20)).cooldown == 1.0


@pytest.fixture
def gateway() -> Iterator[Standing]:
    with Standing() as standing:
        yield standing


def number_of(mailing: Mailing, place: int) -> str:
    return str(mailing.messages.order_by("id")[place].phone_number)


def another(text: str) -> Mailing:
    """Create one more mailing to all clients."""
    mailing = make_mailing(provider="main", text=text)
    assert launch.launch(mailing.id)
    enlist_all(mailing)
    return mailing


def work_until(main: Dispatcher, done: Callable[[], bool]) -> None:
    def look() -> bool:
        main.work()
        return done()

    wait_until(look, seconds=90)


def rested(gateway: Standing) -> float:
    """Return the seconds of all rests in which the gateway took nothing.

    What lasts less than 0.3 s is the time for a flight.
    """
    gaps = [later.at - one.at for one, later in pairwise(gateway.taken)]
    return sum(gap for gap in gaps if gap > 0.3)


def second_after(gateway: Standing, began: float) -> float:
    """Return the seconds until the gateway took the first message of the second mailing."""
    return next(taken.at for taken in gateway.taken if taken.text == "Second") - began


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("act", "retry_after", "bad"), [("throttle", 1, 1), ("throttle", 3600, 20), ("forbid", 1, 20)]
)
def test_some_recipients_that_are_refused_stop_nobody_else(
    settings: Any, gateway: Standing, act: str, retry_after: int, bad: int
) -> None:
    mailing = make_running(300, provider="main")
    refused = [number_of(mailing, place) for place in range(bad)]
    gateway.set(numbers=dict.fromkeys(refused, act), retry_after=retry_after)
    given = {"url": gateway.url, "window": "50"}
    with provider(settings, "main", "http_gateway", **given), open_dispatcher("main") as main:
        work_until(main, lambda: len(gateway.taken) >= 300 - bad)
        took = rested(gateway)
        other, began = another("Second"), time.time()
        work_until(main, lambda: "Second" in {taken.text for taken in gateway.taken})
    assert took < 10
    assert second_after(gateway, began) < 12
    assert not set(gateway.times()) & set(refused) - {taken.phone_number for taken in gateway.taken}
    waiting = mailing.messages.filter(state="queued", phone_number__in=refused)
    assert waiting.count() == bad
    assert all(message.error for message in waiting)
    assert not any(message.phone_number in (message.error or "") for message in waiting)
    assert counts(mailing)["sent"] == 300 - bad
    assert_it_adds_up(mailing)
    assert_it_adds_up(other)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("bad", [1, 20])
def test_a_queue_that_is_full_for_some_recipients_stops_nobody_else(
    settings: Any, monkeypatch: pytest.MonkeyPatch, bad: int
) -> None:
    """By SMPP a full queue is ESME_RMSGQFUL."""
    monkeypatch.setitem(smpp_server.STATUS, Action.THROTTLE, 0x14)
    mailing = make_running(300, provider="main")
    refused = [number_of(mailing, place) for place in range(bad)]
    with Standing(smpp=True) as gateway:
        gateway.set(numbers=dict.fromkeys(refused, "throttle"))
        given = {"host": "127.0.0.1", "port": str(gateway.sandbox.smpp_port), "system_id": "v"}
        with provider(settings, "main", "smpp", **given), open_dispatcher("main") as main:
            work_until(main, lambda: len(gateway.taken) >= 300 - bad)
            took = rested(gateway)
            other, began = another("Second"), time.time()
            work_until(main, lambda: "Second" in {taken.text for taken in gateway.taken})
        assert took < 10
        assert second_after(gateway, began) < 30
        assert not set(gateway.times()) & set(refused)
    waiting = mailing.messages.filter(state="queued", phone_number__in=refused)
    assert waiting.count() == bad
    assert all("ESME_RMSGQFUL" in (message.error or "") for message in waiting)
    assert counts(mailing)["sent"] == 300 - bad
    assert_it_adds_up(mailing)
    assert_it_adds_up(other)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("act", "retry_after"), [("throttle", 3600), ("forbid", 1)])
def test_a_mailing_to_one_who_is_refused_holds_up_no_other(
    settings: Any, gateway: Standing, act: str, retry_after: int
) -> None:
    lone = make_running(1, provider="main")
    gateway.set(numbers={number_of(lone, 0): act}, retry_after=retry_after)
    given = {"url": gateway.url, "window": "50"}
    with provider(settings, "main", "http_gateway", **given), open_dispatcher("main") as main:
        work_until(main, lambda: gateway.sandbox.requests >= (1 if retry_after > 1 else 3))
        make_clients(50, first=1)
        another("Second")
        began = time.time()
        work_until(main, lambda: len(gateway.taken) >= 50)
    assert second_after(gateway, began) + rested(gateway) < 8


@pytest.mark.django_db(transaction=True)
def test_attempts_of_one_who_is_refused_again_and_again_end(
    settings: Any, gateway: Standing
) -> None:
    mailing = make_running(10, provider="main")
    gateway.set(numbers={number_of(mailing, 0): "forbid"})
    options = {"url": gateway.url, "window": "5", "max_attempts": "2"}
    with provider(settings, "main", "http_gateway", **options), open_dispatcher("main") as main:

        def over() -> bool:
            another("Meanwhile")  # other messages are accepted
            sql.run("UPDATE dispatch_message SET next_attempt_at = NULL WHERE state = 'queued'")
            sql.run("UPDATE dispatch_batch SET due_at = now() WHERE state = 'waiting'")
            if Breaker.objects.filter(state="open").exists():
                let_its_time_pass()
            return "failed" in counts(mailing)

        work_until(main, over)
    failed = mailing.messages.get(state="failed")
    assert (
        failed.error
        == "gave up after 2 attempts: the provider refuses the account (403): forbidden"
    )
