"""When a mailing will finish that shares its provider's rate with others."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from vestnik.mailings.fair_share import Demand, fair_rates
from vestnik.mailings.forecast import Forecast, Group, Span, merged, rounded_up

#: Less than this fraction of a message is an error of rounding.
NOTHING = 1e-6
#: Seconds. No part is needed sooner, as in the fair rates of a worker.
SOONEST = 0.5


@dataclass(slots=True)
class Part:
    """Messages of a mailing with the same spans; `left` is in units of the provider's rate."""

    schedule: tuple[Span, ...]
    left: float


@dataclass(slots=True)
class Load:
    """What one mailing has to send: numbers of messages by the spans in which they may leave.

    A message counts as `weight` units of the provider's rate; `limit` is in messages a second.
    """

    groups: Sequence[Group]
    limit: float | None = None
    weight: float = 1.0
    parts: list[Part] = field(init=False)
    #: The parts that may leave now, as (closing, index), the first to close first.
    open_parts: list[tuple[datetime, int]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        counted = merged(self.groups).items()
        self.parts = [Part(spans, count * self.weight) for spans, count in counted]

    @property
    def left(self) -> float:
        return sum(part.left for part in self.parts)

    def next_part(self) -> Part | None:
        """Return the part that is sent now; None if no part is open."""
        candidates = (self.parts[n] for _, n in self.open_parts)
        return next((part for part in candidates if part.left > NOTHING), None)

    def demand(self, now: datetime) -> Demand:
        """Return the rate that it needs to finish its open parts in time."""
        total = needed = 0.0
        open_parts = [self.parts[n] for _, n in self.open_parts]
        # Earliest deadline first: what is due by a deadline includes all that is due before it.
        for part in sorted(open_parts, key=lambda part: part.schedule[-1][1]):
            total += part.left
            seconds = (part.schedule[-1][1] - now).total_seconds()
            needed = max(needed, total / max(SOONEST, seconds))
        return Demand(needed, None if self.limit is None else self.limit * self.weight)


def forecast_beside(own: Load, others: Sequence[Load], capacity: float) -> Forecast:
    """Forecast a mailing beside others, with the fair rates at which workers send.

    `capacity` is the provider's rate in units a second. The answered rate is the mean over the time
    in which the mailing is sent.
    """
    messages_sent = seconds = 0.0
    finish: datetime | None = None
    for start, end in _steps([own, *others]):
        for now, lasts, rate in _shares(own, others, (start, end), capacity):
            if rate:
                messages_sent, seconds = messages_sent + rate * lasts, seconds + lasts
                finish = now + timedelta(seconds=lasts)
        if own.left <= NOTHING:
            break
    rest = rounded_up(own.left / own.weight)
    mean = messages_sent / seconds if seconds else capacity
    return Forecast(mean / own.weight, None if rest else finish, rest, len(others))


def _steps(loads: Sequence[Load]) -> Iterator[Span]:
    """Yield each step from an opening or closing to the next, with the open parts set."""
    openings: defaultdict[datetime, list[tuple[Load, datetime, int]]] = defaultdict(list)
    for load in loads:
        for n, part in enumerate(load.parts):
            for opens, closes in part.schedule:
                openings[opens].append((load, closes, n))
                openings.setdefault(closes, [])
    for start, end in pairwise(sorted(openings)):
        for load in loads:
            load.open_parts = [one for one in load.open_parts if one[0] > start]
        for load, closes, n in openings[start]:
            load.open_parts = sorted([*load.open_parts, (closes, n)])
        yield start, end


def _shares(
    own: Load, others: Sequence[Load], step: Span, capacity: float
) -> Iterator[tuple[datetime, float, float]]:
    """Send within a step, from the end of one part to the next.

    Yields the start, the length in seconds, and the rate of the own mailing.
    """
    now, end = step
    while now < end and own.left > NOTHING:
        open_ones = [(load, part) for load in (own, *others) if (part := load.next_part())]
        if not open_ones:
            return
        rates = fair_rates(capacity, [load.demand(now) for load, _ in open_ones])
        sending = [(part, rate) for (_, part), rate in zip(open_ones, rates, strict=True)]
        first = min(part.left / rate for part, rate in sending)
        # Never zero, since rounding could otherwise repeat a step for ever.
        lasts = max(NOTHING, min(first, (end - now).total_seconds()))
        for part, rate in sending:
            part.left = max(0.0, part.left - rate * lasts)
        yield now, lasts, rates[0] if open_ones[0][0] is own else 0.0
        now += timedelta(seconds=lasts)
