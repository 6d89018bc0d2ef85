"""The rests of a lane, added and asked for by all of its threads."""

import threading
import time

from vestnik.dispatch.send.cooldowns import Cooldowns


def test_the_longer_rest_stands() -> None:
    rests = Cooldowns()
    rests.add(7, 5.0)
    rests.add(7, 1.0)
    assert rests.active() == {7}
    (wait,) = rests.remaining()
    assert 4.9 < wait <= 5.0
    assert rests.provider_throttled_for <= 0


def test_one_that_is_over_counts_as_due_once() -> None:
    rests = Cooldowns()
    rests.add(7, 0.0)
    time.sleep(0.001)  # by then it is over
    assert rests.remaining() == [0.0]
    assert rests.remaining() == []


def test_slowing_down_is_a_rest_of_the_provider_too() -> None:
    rests = Cooldowns()
    rests.throttle_provider(2.0)
    rests.throttle_provider(0.5)
    assert rests.active() == {None}
    assert 1.9 < rests.provider_throttled_for <= 2.0


def test_none_is_lost_or_in_the_way_when_threads_add_and_look_at_once() -> None:
    rests = Cooldowns()

    def add(first: int) -> None:
        for mailing in range(first, first + 5_000):
            rests.add(mailing, 60.0)
            if mailing % 50 == 0:
                rests.remaining()

    threads = [threading.Thread(target=add, args=[first]) for first in (0, 5_000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rests.active() == set(range(10_000))
