"""Permits are taken by several threads at once from a real Redis."""

import threading
import time
from itertools import pairwise

import pytest
import redis

from vestnik.dispatch.record.claims import new_id
from vestnik.dispatch.send.rate_limit import SLACK, Grant, Rate, RateLimiterUnavailable, take


def fresh(per_second: float, weight: int = 1) -> Rate:
    return Rate(f"test:{new_id()}", per_second, weight)


def test_without_a_rate_everything_is_granted():
    assert take([], 250) == Grant(250)


def test_the_first_block_is_granted_at_once():
    assert take([fresh(100)], 250).granted == 10


def test_a_slow_rate_grants_one_and_says_how_long_until_the_next():
    pace = fresh(0.01)
    assert take([pace], 250).granted == 1
    refused = take([pace], 250)
    assert (refused.granted, refused.reason) == (0, pace)
    assert 80 < refused.wait <= 100


def test_the_lower_of_two_rates_holds_and_is_named():
    wide, narrow = fresh(1000), fresh(0.01)
    assert take([wide, narrow], 250).granted == 1
    assert take([wide, narrow], 250).reason == narrow


def test_a_message_of_three_segments_takes_three_permits():
    assert take([fresh(100, weight=3)], 250).granted == 3


def test_several_threads_together_keep_the_rate():
    pace, taken, began = fresh(200), [], time.monotonic()

    def draw() -> None:
        while (now := time.monotonic()) < began + 2.0:
            permits = take([pace], 100)
            taken.append((now, permits.granted))
            times_after.append(time.monotonic())
            time.sleep(permits.wait)  # as a thread of a dispatcher does

    times_after: list[float] = []
    threads = [threading.Thread(target=draw) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Two seconds' worth, and at most a block and the slack on top. Permits that no thread took
    # within the slack are lost as intended, which may happen on a machine that stood still.
    most = 200 * (max(times_after) - began + 0.1 + SLACK)
    times = sorted(now for now, _ in taken)
    lost = sum(max(0.0, later - now - SLACK) for now, later in pairwise(times)) * 200
    assert 380 - lost <= sum(granted for _, granted in taken) <= most


def test_a_rate_of_less_than_one_a_minute_is_remembered_until_its_next(settings):
    pace = fresh(1 / 300)
    assert take([pace], 1).granted == 1
    assert 299 < take([pace], 1).wait <= 300
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        assert client.pttl(f"vestnik:pace:{pace.key}") > 300_000


def test_without_redis_a_rate_limited_mailing_waits(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(RateLimiterUnavailable):
        take([fresh(10)], 1)


@pytest.mark.parametrize(
    ("pace", "longest"),
    [(fresh(100), 0.01), (fresh(0.5), 2.0), (fresh(10, weight=3), 0.3),
     (Rate(f"test:{new_id()}", 10, 1, by_segment=True), 1.0)],
    ids=["fast", "slow", "heavy", "by segment"],
)  # fmt: skip
def test_a_clock_of_redis_that_went_back_stops_nobody(settings, pace, longest):
    assert take([pace], 1).granted == 1
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        # The key after the clock was set back by forty seconds.
        key = f"vestnik:pace:{pace.key}"
        client.set(key, float(client.get(key)) + 40, keepttl=True)
    assert take([pace], 1).wait <= longest + 0.001


def test_a_clock_of_redis_that_went_forward_grants_the_slack_and_a_block_at_most(settings):
    pace = fresh(100)
    assert take([pace], 250).granted == 10
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        key = f"vestnik:pace:{pace.key}"
        client.set(key, float(client.get(key)) - 40, keepttl=True)
    assert take([pace], 250).granted <= 100 * SLACK + 1
