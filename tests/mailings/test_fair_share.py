"""How mailings share what their provider takes."""

import pytest

from vestnik.mailings.fair_share import Demand, fair_rates

SHARES = [
    ("alone, all of it", 10, [(1, None)], [10]),
    ("equal ones, equal parts", 10, [(0.1, None)] * 4, [2.5] * 4),
    ("two limited ones beyond the pace", 50, [(1, 40), (1, 40)], [25, 25]),
    ("what each needs, and half of the rest", 10, [(8, None), (1, None)], [8.5, 1.5]),
    ("it just fits", 10, [(9.9, None), (0.1, None)], [9.9, 0.1]),
    ("a limited one leaves the rest to others", 10, [(0.1, 1), (0.1, None)], [1, 9]),
    ("it needs more than its own limit", 10, [(20, 4), (0, None)], [4, 6]),
    ("too much: the small need is met", 10, [(1000, None), (3, None)], [7, 3]),
    ("too much: large ones share", 10, [(1000, None), (800, None), (2, None)], [4, 4, 2]),
    ("too much: nobody is left out", 10, [(1000, None), (0, None)], [8.75, 1.25]),
    ("nobody needs anything any more", 10, [(0, None), (0, None)], [5, 5]),
]


@pytest.mark.parametrize(
    ("capacity", "demands", "rates"), [row[1:] for row in SHARES], ids=[row[0] for row in SHARES]
)
def test_shares(
    capacity: float, demands: list[tuple[float, float | None]], rates: list[float]
) -> None:
    found = fair_rates(capacity, [Demand(*demand) for demand in demands])
    assert found == pytest.approx(rates)
    assert sum(found) <= capacity * 1.001
