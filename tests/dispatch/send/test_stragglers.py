"""Slow and lost answers of a batch hold no slot of its dispatcher."""

import threading
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from tests.builders import counts, enlist_all, make_mailing, make_running
from tests.dispatch.dispatching import open_dispatcher, provider, work_and_close
from tests.dispatch.sent import assert_it_adds_up
from tests.gateways.standing import Standing
from tests.stack.embedded_servers import wait_until
from vestnik.dispatch.prepare import launch
from vestnik.dispatch.send import dispatcher
from vestnik.dispatch.send.dispatcher import Dispatcher
from vestnik.mailings.models import PAUSE, Mailing
from vestnik.mailings.window import database_now

pytestmark = pytest.mark.django_db(transaction=True)

#: No answer is late by itself; `drop` tells what was lost.
DEADLINE = 60.0


@pytest.fixture
def gateway() -> Iterator[Standing]:
    with Standing() as standing:
        yield standing


@pytest.fixture
def deadline() -> float:
    return DEADLINE


@pytest.fixture
def main(
    settings: Any, gateway: Standing, deadline: float, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Dispatcher]:
    monkeypatch.setattr(dispatcher, "SLICE", 60.0)
    options = {"url": gateway.url, "window": "20", "deadline": f"{deadline:g}"}
    with provider(settings, "main", "http_gateway", **options), open_dispatcher("main") as found:
        yield found


def running(mailings: int, clients: int) -> list[Mailing]:
    """Launch mailings to the same clients: one batch for each."""
    found = [make_running(clients, provider="main")]
    found += [make_mailing(provider="main") for _ in range(mailings - 1)]
    for mailing in found[1:]:
        assert launch.launch(mailing.id)
        enlist_all(mailing)
    return found


def lose_one_in(every: int, times: int) -> list[str]:
    """Return the actions of a gateway."""
    return [*["accept"] * (every - 1), "take_and_hang"] * times


def test_one_answer_lost_of_each_batch_costs_no_time(main: Dispatcher, gateway: Standing) -> None:
    mailings = running(4, clients=100)
    gateway.set(numbers={"79000000000": "take_and_hang"})  # the first, so in a full flight
    main.work()
    assert len(gateway.taken) == 400

    # Outcomes are recorded while lost answers are waited for.
    wait_until(lambda: sent_of(mailings) == 396, seconds=30)
    assert not any("unknown" in counts(mailing) for mailing in mailings)
    gateway.drop()
    main.finish()
    found = [counts(mailing) for mailing in mailings]
    assert sum(states["sent"] for states in found) == 396
    assert sum(states["unknown"] for states in found) == 4
    for mailing in mailings:
        assert_it_adds_up(mailing)
        assert {batch.state for batch in mailing.batches.all()} == {"done"}


def sent_of(mailings: Sequence[Mailing]) -> int:
    return sum(counts(mailing).get("sent", 0) for mailing in mailings)


@pytest.mark.parametrize("deadline", [5.0])
def test_lost_answers_of_earlier_batches_leave_half_of_the_window(
    main: Dispatcher, gateway: Standing, deadline: float
) -> None:
    mailings = running(5, clients=20)
    gateway.set(once=lose_one_in(5, 100))
    began = time.monotonic()
    main.work()
    # Three batches with four lost answers each fill the window; then the deadlines must pass first.
    assert time.monotonic() - began > deadline
    main.finish()
    assert set(gateway.times().values()) == {5}
    for mailing in mailings:
        assert counts(mailing) == {"sent": 16, "unknown": 4}
        assert_it_adds_up(mailing)


def test_what_is_answered_slowly_is_recorded_beside_what_is_lost(
    main: Dispatcher, gateway: Standing
) -> None:
    mailing = make_running(20, provider="main")
    gateway.set(delay=0.5, once=lose_one_in(5, 4))
    worker = threading.Thread(target=work_and_close, args=[main])
    worker.start()
    wait_until(lambda: counts(mailing).get("sent") == 16, seconds=30)
    gateway.drop()
    worker.join()
    main.finish()
    assert counts(mailing) == {"sent": 16, "unknown": 4}


def test_a_pause_is_done_while_lost_answers_are_out(main: Dispatcher, gateway: Standing) -> None:
    mailing = make_running(100, provider="main")
    gateway.set(once=lose_one_in(5, 20))
    worker = threading.Thread(target=work_and_close, args=[main])
    worker.start()
    wait_until(lambda: len(gateway.taken) >= 20, seconds=30)
    mailing.apply(PAUSE, actor="test")
    paused_at = database_now()
    gateway.drop()  # then there is room for more
    worker.join()
    main.finish()
    left_at = dict(mailing.messages.exclude(state="queued").values_list("id", "sent_at"))
    assert {taken.message_id for taken in gateway.taken} <= left_at.keys()
    assert len(left_at) < 100
    # A pause takes effect within a second.
    assert max(left_at.values()) < paused_at + timedelta(seconds=1)
    assert_it_adds_up(mailing)
