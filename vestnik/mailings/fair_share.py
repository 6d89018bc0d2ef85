"""How mailings that run at the same time share their provider's rate.

Each gets what it needs to finish by its end, and an equal part of the rest. If the needs alone
exceed the rate, small needs are met and large ones get equal parts. This is max-min fairness with a
minimum for each mailing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

#: If not all can finish in time, this share of the rate is divided without regard to needs, so that
#: no mailing comes to a stop.
COMMON_PART = 0.25
#: Messages a second. Virtual time divides by the rate, so it is never zero.
LEAST_RATE = 1e-6


@dataclass(frozen=True, slots=True)
class Demand:
    """Messages a second: what a mailing needs to finish by its end, and its own limit."""

    needed: float
    limit: float | None = None


def fair_rates(capacity: float, demands: Sequence[Demand]) -> list[float]:
    """Return the rate of each mailing; together at most `capacity`, except for LEAST_RATE each."""
    limits = [float("inf") if demand.limit is None else demand.limit for demand in demands]
    needs = [min(d.needed, limit) for d, limit in zip(demands, limits, strict=True)]
    spare = capacity - sum(needs)
    if spare >= 0:
        headroom = [limit - need for limit, need in zip(limits, needs, strict=True)]
        parts = _equal_parts(spare, headroom)
        rates = [need + part for need, part in zip(needs, parts, strict=True)]
    else:
        least = COMMON_PART * capacity / len(demands)
        demanded = [min(max(n, least), limit) for n, limit in zip(needs, limits, strict=True)]
        rates = _equal_parts(capacity, demanded)
    return [max(rate, LEAST_RATE) for rate in rates]


def _equal_parts(amount: float, most: Sequence[float]) -> list[float]:
    """Divide the amount equally; what exceeds a limit goes to the others."""
    parts = [0.0] * len(most)
    # In ascending order of limits: what a small limit leaves over is known before larger ones are
    # served, so one pass is enough.
    for remaining, place in zip(
        range(len(most), 0, -1), sorted(range(len(most)), key=lambda n: most[n]), strict=True
    ):
        parts[place] = min(most[place], amount / remaining)
        amount -= parts[place]
    return parts
