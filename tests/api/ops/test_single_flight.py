"""Calls that may hang."""

import threading
from collections.abc import Iterator

import pytest

from tests.stack.embedded_servers import wait_until
from vestnik.api.ops import single_flight
from vestnik.api.ops.single_flight import MOST_ATTEMPTS, SingleFlight


class Hanging:
    """A call that returns when the test lets it."""

    def __init__(self) -> None:
        self.times, self.released = 0, threading.Event()

    def __call__(self) -> int:
        self.times += 1
        self.released.wait(30)
        return self.times


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    question = Hanging()
    yield question
    question.released.set()


def test_all_who_ask_meanwhile_get_the_one_answer(hanging: Hanging) -> None:
    ended: list[int] = []
    flights = SingleFlight("test", after_each=lambda: ended.append(1))
    asked = [flights.ask(hanging) for _ in range(20)]
    hanging.released.set()
    assert [future.result(5) for future in asked] == [1] * 20
    wait_until(lambda: ended == [1], 5)
    assert flights.ask(hanging).result(5) == 2


def test_an_attempt_that_hangs_for_good_does_not_keep_others_from_an_answer(
    hanging: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(single_flight, "ABANDONED_AFTER", 0.0)
    flights = SingleFlight("test", after_each=lambda: None)
    asked = {id(flights.ask(hanging)) for _ in range(20)}
    wait_until(lambda: hanging.times == MOST_ATTEMPTS, 5)
    assert len(asked) == MOST_ATTEMPTS


def test_where_no_thread_is_left_it_is_said_at_once_and_tried_again(
    hanging: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    flights = SingleFlight("test", after_each=lambda: None)
    hanging.released.set()
    with monkeypatch.context() as shortage:
        shortage.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError):
            flights.ask(hanging).result(0)
    assert flights.ask(hanging).result(5) == 1


def test_a_mistake_is_handed_to_who_asked() -> None:
    flights = SingleFlight("test", after_each=lambda: None)
    with pytest.raises(ZeroDivisionError):
        flights.ask(lambda: 1 // 0).result(5)
