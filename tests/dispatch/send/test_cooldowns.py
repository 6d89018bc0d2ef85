"""The cooldowns of a dispatcher, added and read by all of its threads."""

import threading
import time

from vestnik.dispatch.send.cooldowns import Cooldowns


def test_the_longer_rest_stands() -> None:
    cooldowns = Cooldowns()
    cooldowns.add(7, 5.0)
    cooldowns.add(7, 1.0)
    assert cooldowns.active() == {7}
    (wait,) = cooldowns.remaining()
    assert 4.0 < wait <= 5.0
    assert cooldowns.throttled_until <= time.monotonic()


def test_one_that_is_over_counts_as_due_once() -> None:
    cooldowns = Cooldowns()
    cooldowns.add(7, 0.0)
    time.sleep(0.001)  # the cooldown is over by then
    assert cooldowns.remaining() == [0.0]
    assert cooldowns.remaining() == []


def test_slowing_down_is_a_rest_of_the_provider_too() -> None:
    cooldowns = Cooldowns()
    cooldowns.throttle_provider(2.0)
    cooldowns.throttle_provider(0.5)
    assert cooldowns.active() == {None}
    assert 1.0 < cooldowns.throttled_until - time.monotonic() <= 2.0


def test_none_is_lost_or_in_the_way_when_threads_add_and_look_at_once() -> None:
    cooldowns = Cooldowns()

    def add(first: int) -> None:
        for mailing in range(first, first + 5_000):
            cooldowns.add(mailing, 60.0)
            if mailing % 50 == 0:
                cooldowns.remaining()

    threads = [threading.Thread(target=add, args=[first]) for first in (0, 5_000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cooldowns.active() == set(range(10_000))
