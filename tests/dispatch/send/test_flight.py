"""A slow or lost answer holds one place of the window, and makes one message unknown."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import pytest
from django.db import OperationalError

from tests.builders import counts, make_running
from tests.dispatch.dispatching import open_dispatcher, provider, work_and_close
from tests.dispatch.sent import (
    LEASE,
    assert_it_adds_up,
    claim_of,
    due_ids,
    expire_leases,
    mark_in_flight,
)
from tests.gateways.builders import outgoing
from tests.gateways.standing import Standing
from tests.stack.embedded_servers import wait_until
from vestnik.audience.stop_list import Source, put
from vestnik.dispatch.models import Breaker as BreakerRow
from vestnik.dispatch.record import claims, recorder
from vestnik.dispatch.record.due_messages import QueuedMessage, load_due
from vestnik.dispatch.record.recorder import OutcomeBatch, record_and_mark, record_and_release
from vestnik.dispatch.send import batch_recorder
from vestnik.dispatch.send.batch_sender import BatchSender
from vestnik.dispatch.send.circuit_breaker import CircuitBreaker
from vestnik.dispatch.send.cooldowns import Cooldowns
from vestnik.dispatch.send.flight import SHORTEST_ANSWER_WAIT, Flight
from vestnik.dispatch.send.send_context import SendContext
from vestnik.dispatch.signals.metrics import Counters
from vestnik.mailings.models import PAUSE, Mailing
from vestnik.providers.base import Accepted, Deferred, OutboundMessage, Outcome, Provider, Rejected
from vestnik.providers.null import NullProvider
from vestnik.providers.registry import describe
from vestnik.reasons.reason import LONGEST as LONGEST_REASON

pytestmark = pytest.mark.django_db(transaction=True)  # slow answers are recorded by a thread


def test_a_lost_answer_holds_up_neither_its_flight_nor_the_next(settings: Any) -> None:
    with Standing() as gateway:
        mailing = make_running(200, provider="main")
        gateway.set(once=["take_and_hang", *["accept"] * 30, "take_and_hang"])
        options = {"url": gateway.url, "window": "20", "deadline": "60"}
        with provider(settings, "main", "http_gateway", **options), open_dispatcher("main") as main:
            main.work()
            wait_until(lambda: counts(mailing)["sent"] == 198, 30)
            assert "unknown" not in counts(mailing)  # both are still waited for
            gateway.drop()
        assert set(gateway.times().values()) == {1}
    assert counts(mailing) == {"sent": 198, "unknown": 2}
    assert_it_adds_up(mailing)


def test_lost_answers_hold_no_more_than_the_window(settings: Any) -> None:
    with Standing() as gateway:
        mailing = make_running(30, provider="main")
        ten = [*["accept"] * 5, *["take_and_hang"] * 5]
        gateway.set(once=[*ten, *["accept"] * 3, *["take_and_hang"] * 2] * 2)
        options = {"url": gateway.url, "window": "10", "deadline": "60"}
        with provider(settings, "main", "http_gateway", **options), open_dispatcher("main") as main:
            worker = threading.Thread(target=work_and_close, args=[main])
            worker.start()
            for times in (1, 2):
                wait_until(lambda sent=8 * times: counts(mailing).get("sent") == sent, 30)
                assert len(gateway.taken) == 15 * times  # seven are lost: no room for the next
                gateway.drop()
            worker.join()
    assert counts(mailing) == {"sent": 16, "unknown": 14}
    assert_it_adds_up(mailing)


@pytest.mark.parametrize(("answered", "is_half"), [(0, False), (1, False), (2, True), (3, True)])
def test_a_flight_waits_for_half_of_its_answers(answered: int, is_half: bool) -> None:
    messages = [outgoing(number) for number in range(4)]
    queued = [QueuedMessage(m.message_id, m.phone_number, None, 1, 0) for m in messages]
    pool = Silent()
    flight = Flight(NullProvider("null", {}), queued, messages)
    for message in messages[:answered]:
        message.resolve(Accepted())
    answers = [Accepted()] * 4
    others = threading.Timer(30 if is_half else 0.35, pool.answers.set_result, [answers])
    others.start()
    began = time.monotonic()

    flight.hand_over(pool)

    assert time.monotonic() - began >= SHORTEST_ANSWER_WAIT
    assert pool.answers.done() is not is_half
    assert len(flight.collect()) == (answered if is_half else 4)
    others.cancel()
    if is_half:
        pool.answers.set_result(answers)
    assert len(flight.collect()) == (4 - answered if is_half else 0)


def test_what_is_out_stays_in_flight_beside_the_next_under_its_attempt() -> None:
    mailing = make_running(4)
    claim = claim_of(mailing)
    answered, slow, third, fourth = due_ids(claim)
    settled = mark_in_flight(claim, [answered, slow])
    settled.add(answered, "sent", 0.0)
    attempt = claims.new_id()
    mark = record_and_mark(claim, settled, [third], attempt, LEASE, [slow])
    assert mark is not None
    assert mailing.batches.get().in_flight == [slow, third]

    expire_leases()
    assert counts(mailing) == {"queued": 1, "sent": 1, "unknown": 2}
    assert set(mailing.messages.filter(state="unknown").values_list("id", "attempt_id")) == {
        (slow, attempt),
        (third, attempt),
    }
    assert due_ids(claim_of(mailing)) == [fourth]


def test_what_is_out_stays_in_flight_also_when_no_more_may_leave() -> None:
    mailing = make_running(2)
    claim = claim_of(mailing)
    slow, second = due_ids(claim)
    settled = mark_in_flight(claim, [slow])
    mailing.apply(PAUSE, actor="test")
    attempt = claims.new_id()
    assert record_and_mark(claim, settled, [second], attempt, LEASE, [slow]) is None
    assert mailing.batches.get().in_flight == [slow]
    last = OutcomeBatch(attempt, settled.marked_at)
    last.add(slow, "sent", 0.0)
    assert record_and_release(claim, last)
    assert counts(mailing) == {"queued": 1, "sent": 1}


@pytest.fixture
def null(settings: Any) -> Iterator[None]:
    with provider(settings, "null", "null"):
        yield


class Script:
    """A provider pool whose gateway accepts all but the last message, which the test answers."""

    def __init__(self) -> None:
        self.answers: Future[list[Outcome | None]] = Future()
        self.size = 0

    def hand_over(
        self, describe: Provider, flight: Sequence[OutboundMessage]
    ) -> Future[list[Outcome | None]]:
        for message in flight[:-1]:
            message.mark_departed()
            message.resolve(Accepted(f"p-{message.message_id}"))
        flight[-1].mark_departed()
        self.size = len(flight)
        return self.answers

    def answer(self) -> None:
        self.answers.set_result([Accepted("late")] * self.size)


class Silent(Script):
    """A provider pool whose gateway answers nothing by itself."""

    def hand_over(
        self, describe: Provider, flight: Sequence[OutboundMessage]
    ) -> Future[list[Outcome | None]]:
        return self.answers


def sender_of(mailing: Mailing, pool: Script) -> BatchSender:
    known = describe(mailing.provider)
    breaker = CircuitBreaker(mailing.provider, LEASE)
    context = SendContext(known, pool, breaker, Counters(), lambda: False, Cooldowns())
    claim = claim_of(mailing)
    return BatchSender(context, claim, load_due(claim))


def failing(do: Callable[..., Any], at: int, *, afterwards: bool, then: Callable[[], None]) -> Any:
    """Return the function with an nth call that loses its connection, before or after its
    effect."""
    calls = iter(range(1, 1_000))

    def done(*given: Any) -> Any:
        if next(calls) != at:
            return do(*given)
        if afterwards:
            do(*given)
        then()
        raise OperationalError("the database is away")

    return done


@pytest.mark.usefixtures("null")
@pytest.mark.parametrize("obeyed", [False, True])
@pytest.mark.parametrize("lease_lost", [False, True])
def test_what_is_out_while_the_database_is_away_is_recorded_once_it_is_back(
    monkeypatch: Any, obeyed: bool, lease_lost: bool
) -> None:
    mailing, pool = make_running(4), Script()

    def meanwhile() -> None:
        if lease_lost:
            expire_leases()
        pool.answer()

    # The second mark: it records the three that are answered and keeps the fourth in flight.
    failed = failing(record_and_mark, 2, afterwards=obeyed, then=meanwhile)
    monkeypatch.setattr(batch_recorder, "record_and_mark", failed)
    sender_of(mailing, pool).send()
    assert counts(mailing) == {"sent": 4}
    assert_it_adds_up(mailing)
    batch = mailing.batches.get()
    assert (batch.state, batch.in_flight, batch.claim_id) == ("done", [], None)


@pytest.mark.usefixtures("null")
def test_a_flight_that_was_marked_as_the_database_went_away_goes_later(monkeypatch: Any) -> None:
    """Also after its lease was taken back, which made it unknown: it certainly did not leave."""
    mailing = make_running(4)
    failed = failing(record_and_mark, 1, afterwards=True, then=expire_leases)
    monkeypatch.setattr(batch_recorder, "record_and_mark", failed)
    sender_of(mailing, Script()).send()
    assert counts(mailing) == {"queued": 4}
    assert_it_adds_up(mailing)


def test_a_batch_is_released_though_taking_messages_back_fails(
    settings: Any, monkeypatch: Any
) -> None:
    """A refused flight's messages are taken back after its outcomes are recorded."""
    mailing = make_running(4)
    stopped = mailing.messages.order_by("id").values_list("phone_number", flat=True)[2]

    class Stopping(Script):
        def hand_over(
            self, describe: Provider, flight: Sequence[OutboundMessage]
        ) -> Future[list[Outcome | None]]:
            super().hand_over(describe, flight)
            self.answer()
            put([stopped], Source.API)
            return self.answers

    failed = failing(recorder.sweep_batch, 1, afterwards=False, then=lambda: None)
    monkeypatch.setattr(recorder, "sweep_batch", failed)
    with provider(settings, "null", "null", window="2"):
        sender_of(mailing, Stopping()).send()

    batch = mailing.batches.get()
    assert (batch.state, batch.in_flight, batch.claim_id) == ("ready", [], None)
    assert counts(mailing) == {"queued": 2, "sent": 2}
    assert_it_adds_up(mailing)


@pytest.mark.usefixtures("null")
def test_outcomes_after_their_lease_wait_for_the_database(monkeypatch: Any) -> None:
    mailing, pool = make_running(4), Script()

    class Slow(Script):
        def hand_over(
            self, describe: Provider, flight: Sequence[OutboundMessage]
        ) -> Future[list[Outcome | None]]:
            super().hand_over(describe, flight)
            expire_leases()
            assert counts(mailing) == {"unknown": 4}
            self.answer()
            return self.answers

    pool = Slow()
    away = failing(batch_recorder.record_late, 1, afterwards=False, then=lambda: None)
    monkeypatch.setattr(batch_recorder, "record_late", away)
    began = time.monotonic()
    sender_of(mailing, pool).send()
    assert time.monotonic() - began >= batch_recorder.DATABASE_WAIT
    assert counts(mailing) == {"sent": 4}
    assert_it_adds_up(mailing)


class Told(Script):
    """A provider pool whose gateway answers most of a flight at once, and the rest a moment
    later."""

    def __init__(self, at_once: Outcome, later: Outcome) -> None:
        super().__init__()
        self._at_once, self._later = at_once, later

    def hand_over(
        self, describe: Provider, flight: Sequence[OutboundMessage]
    ) -> Future[list[Outcome | None]]:
        answers: Future[list[Outcome | None]] = Future()
        for message in flight:
            message.mark_departed()
        early = len(flight) * 3 // 5
        for message in flight[:early]:
            message.resolve(self._at_once)

        def answer_the_rest() -> None:
            for message in flight[early:]:
                message.resolve(self._later)
            answers.set_result([message.outcome for message in flight])

        threading.Timer(0.3, answer_the_rest).start()
        return answers


@pytest.mark.usefixtures("null")
def test_quick_refusals_do_not_outweigh_slower_acceptances() -> None:
    make_running(250)
    mailing = Mailing.objects.get()
    pool = Told(Deferred("the gateway fails"), Accepted("p-1"))
    wait_until(sender_of(mailing, pool).send, seconds=5)
    assert not BreakerRow.objects.exists()
    assert counts(mailing) == {"queued": 150, "sent": 100}


@pytest.mark.usefixtures("null")
def test_what_a_gateway_says_that_no_table_takes_loses_no_outcome() -> None:
    mailing = make_running(250)
    accepted = Accepted("p\x00\x1f-1\ud800", ("p\x00\x1f-1\ud800", "p-2" + "0" * 500))
    refused = Rejected("4\x004", "no \udfff such\n number " * 1_000)
    sender = sender_of(mailing, Told(accepted, refused))
    wait_until(sender.send, seconds=5)
    assert counts(mailing) == {"failed": 100, "sent": 150}
    assert_it_adds_up(mailing)
    sent = mailing.messages.filter(state="sent").first()
    assert sent.provider_message_id == "p-1"
    failed = mailing.messages.filter(state="failed").first()
    assert failed.error.startswith("44: no  such number no  such number")
    assert len(failed.error) == LONGEST_REASON
