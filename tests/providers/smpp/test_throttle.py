"""How the connection slows down for an SMSC that is throttling."""

from types import SimpleNamespace

import pytest

from vestnik.providers.smpp.throttle import Throttle


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that moves only by its `now`."""
    clock = SimpleNamespace(now=1000.0)
    time = SimpleNamespace(monotonic=lambda: clock.now)
    monkeypatch.setattr("vestnik.providers.smpp.throttle.time", time)
    return clock


def test_now_and_then_is_a_short_rest_and_again_and_again_a_longer_one(
    clock: SimpleNamespace,
) -> None:
    throttle, pauses = Throttle(longest=0.25), []
    for throttled in [*[True] * 4, *[False] * 20, True]:
        while throttle.pause_left > 0:
            clock.now += 0.005
        throttle.record(throttled)
        if throttled:
            pauses.append(throttle.retry_after)
    assert pauses == pytest.approx([0.05, 0.1, 0.2, 0.25, 0.05])


def test_answers_to_what_left_before_a_rest_do_not_lengthen_it(clock: SimpleNamespace) -> None:
    throttle = Throttle(longest=1.0)
    for _ in range(30):
        throttle.record(throttled=True)
        clock.now += 0.001
    assert throttle.pause_left == pytest.approx(0.02)


def test_without_throttling_there_is_no_rest() -> None:
    throttle = Throttle(longest=1.0)
    for _ in range(30):
        throttle.record(throttled=False)
    assert throttle.pause_left <= 0
