"""Beside others a mailing gets its fair share of the pace, and more once they are done."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vestnik.mailings.forecast import Span
from vestnik.mailings.shared_forecast import Load, forecast_beside

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
HOUR = 3600


def span(since: float, until: float) -> Span:
    return NOON + timedelta(hours=since), NOON + timedelta(hours=until)


def load(count: int, *hours: tuple[float, float], **more: Any) -> Load:
    """So many messages that may leave in these spans of hours."""
    return Load([(count, [span(*one) for one in hours])], **more)


@pytest.mark.parametrize(
    ("own", "others", "per_second", "takes_hours", "stays"),
    [
        pytest.param(load(HOUR, (0, 24)), [], 10, 0.1, 0, id="alone"),
        pytest.param(
            load(5 * HOUR, (0, 24)), [load(50 * HOUR, (0, 24))], 10, None, 0, id="a large one"
        ),
        pytest.param(
            load(10 * HOUR, (0, 24)), [load(10 * HOUR, (0, 24))], 5, 2, 0, id="half of it"
        ),
        pytest.param(
            load(10 * HOUR, (0, 24)), [load(5 * HOUR, (0, 24))], 10 / 1.5, 1.5, 0, id="then all"
        ),
        pytest.param(
            load(10 * HOUR, (0, 24)),
            [load(100 * HOUR, (0, 24), limit=2)],
            8,
            1.25,
            0,
            id="another is slow by itself",
        ),
        pytest.param(
            load(2 * HOUR, (0, 24), limit=2), [load(9 * HOUR, (0, 24))], 2, 1, 0, id="own limit"
        ),
        pytest.param(
            load(10 * HOUR, (0, 1)), [load(10 * HOUR, (0, 1))], 5, None, 5 * HOUR, id="too much"
        ),
        pytest.param(
            load(10 * HOUR, (2, 24)), [load(10 * HOUR, (0, 24))], 10, 3, 0, id="done before it"
        ),
        pytest.param(
            load(10 * HOUR, (0, 4)), [load(9 * HOUR, (4, 24))], 10, 1, 0, id="not open before it"
        ),
        pytest.param(
            load(5 * HOUR, (0, 24), weight=2),
            [load(10 * HOUR, (0, 24))],
            2.5,
            2,
            0,
            id="of two segments",
        ),
    ],
)
def test_a_share_of_ten_a_second(
    own: Load, others: list[Load], per_second: float, takes_hours: float | None, stays: int
) -> None:
    found = forecast_beside(own, others, 10.0)
    assert found.will_not_fit == pytest.approx(stays, rel=0.05)
    assert found.beside == len(others)
    if takes_hours is not None:
        assert found.per_second == pytest.approx(per_second, rel=0.05)
        assert found.finishes_at is not None
        took = (found.finishes_at - NOON).total_seconds() / HOUR
        assert took == pytest.approx(takes_hours, rel=0.05)
    elif stays:
        assert (found.per_second, found.finishes_at) == (pytest.approx(per_second, rel=0.05), None)
    else:
        assert found.per_second is not None
        assert found.per_second < per_second


def test_a_year_of_local_hours_beside_twenty_others_is_forecast_soon() -> None:
    def year(count: int) -> Load:
        days = [(24 * day + zone / 2, 24 * day + 9.0) for day in range(366) for zone in (0,)]
        zones = [[span(opens + n, closes + n) for opens, closes in days] for n in range(11)]
        return Load([(count, spans) for spans in zones])

    began = time.thread_time()
    found = forecast_beside(year(100_000_000), [year(10_000) for _ in range(20)], 10.0)
    assert found.will_not_fit > 10_000_000
    assert time.thread_time() - began < 10.0
