"""How the connection slows down for an SMSC that is throttling."""

import time

import pytest

from vestnik.providers.smpp.throttle import Throttle


def test_now_and_then_is_a_short_rest_and_again_and_again_a_longer_one() -> None:
    throttle, pauses = Throttle(longest=0.25), []
    for throttled in [*[True] * 4, *[False] * 20, True]:
        while throttle.pause_left > 0:
            time.sleep(0.005)
        throttle.record(throttled)
        if throttled:
            pauses.append(throttle.retry_after)
    assert pauses == pytest.approx([0.05, 0.1, 0.2, 0.25, 0.05], abs=0.01)


def test_answers_to_what_left_before_a_rest_do_not_lengthen_it() -> None:
    throttle = Throttle(longest=1.0)
    for _ in range(30):
        throttle.record(throttled=True)
    assert 0.03 < throttle.pause_left <= 0.05


def test_without_throttling_there_is_no_rest() -> None:
    throttle = Throttle(longest=1.0)
    for _ in range(30):
        throttle.record(throttled=False)
    assert throttle.pause_left <= 0
