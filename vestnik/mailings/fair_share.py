"""How mailings that are sent at the same time share what their provider takes.

Each gets what it needs to be through by its end, and an equal part of the rest. Where the needs
alone are more than there is, the small ones are met and the large ones get equal parts: max-min
fairness, with a part for everybody.
"""

from collections.abc import Sequence
from dataclasses import dataclass

#: Where not all can be through in time, this part of the rate is shared without regard to needs.
COMMON_PART = 0.25
LEAST_RATE = 1e-6


@dataclass(frozen=True, slots=True)
class Demand:
    """Messages per second: what a mailing needs to be through by its end, and its own limit."""

    needed: float
    limit: float | None = None


def fair_rates(capacity: float, demands: Sequence[Demand]) -> list[float]:
    """The rate of each mailing; together at most `capacity`."""
    limits = [float("inf") if demand.limit is None else demand.limit for demand in demands]
    needs = [min(d.needed, limit) for d, limit in zip(demands, limits, strict=True)]
    spare = capacity - sum(needs)
    if spare >= 0:
        rooms = [limit - need for limit, need in zip(limits, needs, strict=True)]
        parts = _equal_parts(spare, rooms)
        rates = [need + part for need, part in zip(needs, parts, strict=True)]
    else:
        least = COMMON_PART * capacity / len(demands)
        wants = [min(max(n, least), limit) for n, limit in zip(needs, limits, strict=True)]
        rates = _equal_parts(capacity, wants)
    return [max(rate, LEAST_RATE) for rate in rates]


def _equal_parts(amount: float, most: Sequence[float]) -> list[float]:
    """Equal parts of the amount; what is more than one can take goes to the others."""
    parts = [0.0] * len(most)
    for left, place in zip(
        range(len(most), 0, -1), sorted(range(len(most)), key=lambda n: most[n]), strict=True
    ):
        parts[place] = min(most[place], amount / left)
        amount -= parts[place]
    return parts
