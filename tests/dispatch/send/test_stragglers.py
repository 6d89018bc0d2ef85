"""Slow and lost answers of a batch hold no slot of its dispatcher."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from tests.builders import counts, enlist_all, make_mailing, make_running
from tests.dispatch.dispatching import open_dispatcher, provider
from tests.dispatch.sent import assert_it_adds_up
from tests.gateways.standing import Standing
from tests.stack.embedded_servers import wait_until
from vestnik.dispatch.prepare import launch
from vestnik.dispatch.send.dispatcher import Dispatcher
from vestnik.mailings.models import PAUSE, Mailing

pytestmark = pytest.mark.django_db(transaction=True)

DEADLINE = 5.0


@pytest.fixture
def gateway() -> Iterator[Standing]:
    with Standing() as standing:
        yield standing


@pytest.fixture
def main(settings: Any, gateway: Standing) -> Iterator[Dispatcher]:
    options = {"url": gateway.url, "window": "20", "deadline": f"{DEADLINE:g}"}
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
    gateway.set(once=lose_one_in(100, 4))
    main.work()
    took = [taken.at for taken in gateway.taken]
    assert len(took) == 400
    assert max(took) - min(took) < DEADLINE  # and not once for each batch

    # Outcomes are recorded while lost answers are waited for.
    found = [counts(mailing) for mailing in mailings]
    assert sum(states.get("sent", 0) for states in found) == 396
    assert not any("unknown" in states for states in found)
    main.finish()
    found = [counts(mailing) for mailing in mailings]
    assert sum(states["sent"] for states in found) == 396
    assert sum(states["unknown"] for states in found) == 4
    for mailing in mailings:
        assert_it_adds_up(mailing)
        assert {batch.state for batch in mailing.batches.all()} == {"done"}


def test_lost_answers_of_earlier_batches_leave_half_of_the_window(
    main: Dispatcher, gateway: Standing
) -> None:
    mailings = running(5, clients=20)
    gateway.set(once=lose_one_in(5, 100))
    began = time.monotonic()
    main.work()
    # Three batches with four lost answers each fill the window; then the deadlines must pass first.
    assert time.monotonic() - began > DEADLINE
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
    wait_until(lambda: counts(mailing).get("sent") == 16, seconds=DEADLINE - 1)
    worker.join()
    main.finish()
    assert counts(mailing) == {"sent": 16, "unknown": 4}


def test_a_pause_is_done_while_lost_answers_are_out(main: Dispatcher, gateway: Standing) -> None:
    mailing = make_running(100, provider="main")
    gateway.set(once=lose_one_in(5, 20))
    worker = threading.Thread(target=work_and_close, args=[main])
    worker.start()
    wait_until(lambda: len(gateway.taken) >= 20, seconds=5)
    mailing.apply(PAUSE, actor="test")
    time.sleep(1.0)  # a pause takes effect within a second
    taken = len(gateway.taken)
    worker.join()
    main.finish()
    assert len(gateway.taken) == taken < 100
    assert_it_adds_up(mailing)


def work_and_close(dispatcher: Dispatcher) -> None:
    dispatcher.work()
    connection.close()
