"""Which state an outcome results in, and when a message that is tried again is due."""

import pytest

from vestnik.dispatch.record.outcome_policy import back_off


@pytest.mark.parametrize(
    ("attempts", "longest"), [(0, 2), (1, 4), (6, 128), (7, 256), (8, 300), (32767, 300)]
)
def test_the_wait_doubles_with_each_attempt_up_to_five_minutes(attempts: int, longest: int) -> None:
    waits = [back_off(attempts) for _ in range(100)]
    assert longest / 2 <= min(waits) < max(waits) <= longest
