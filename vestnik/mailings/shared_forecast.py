"""When a mailing will be through that shares its provider's pace with others."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from vestnik.mailings.fair_share import Demand, fair_rates
from vestnik.mailings.forecast import Forecast, Group, Span, merged, rounded_up

#: What is less than this part of a message is an error of rounding.
NOTHING = 1e-6
#: Seconds: no part is needed sooner, as in the fair rates of a worker.
SOONEST = 0.5


@dataclass(slots=True)
class Part:
    """What of a mailing may leave in the same spans; `left` is in units of the pace."""

    schedule: tuple[Span, ...]
    left: float


@dataclass(slots=True)
class Load:
    """What one mailing has to send: so many messages by the spans in which they may leave.

    A message counts as `weight` units of the provider's pace; `limit` is in messages a second.
    """

    groups: Sequence[Group]
    limit: float | None = None
    weight: float = 1.0
    parts: list[Part] = field(init=False)
    #: Of the parts, those that may leave now and when that ends, the first to end first.
    open_parts: list[tuple[datetime, int]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        counted = merged(self.groups).items()
        self.parts = [Part(spans, count * self.weight) for spans, count in counted]

    @property
    def left(self) -> float:
        return sum(part.left for part in self.parts)

    def next_part(self) -> Part | None:
        """The part that is sent to now; None where none is open."""
        found = (self.parts[n] for _, n in self.open_parts)
        return next((part for part in found if part.left > NOTHING), None)

    def demand(self, now: datetime) -> Demand:
        """What it needs for its open parts to be through in time."""
        total = needed = 0.0
        open_parts = [self.parts[n] for _, n in self.open_parts]
        for part in sorted(open_parts, key=lambda part: part.schedule[-1][1]):
            total += part.left
            seconds = (part.schedule[-1][1] - now).total_seconds()
            needed = max(needed, total / max(SOONEST, seconds))
        return Demand(needed, None if self.limit is None else self.limit * self.weight)


def forecast_beside(own: Load, others: Sequence[Load], capacity: float) -> Forecast:
    """What comes of a mailing beside others, by the fair shares by which they are sent.

    `capacity` is what the provider takes a second. The rate that is told is the mean over the time
    in which the mailing is sent.
    """
    sent = seconds = 0.0
    finish: datetime | None = None
    for start, end in _steps([own, *others]):
        for now, lasts, rate in _shares(own, others, (start, end), capacity):
            if rate:
                sent, seconds = sent + rate * lasts, seconds + lasts
                finish = now + timedelta(seconds=lasts)
        if own.left <= NOTHING:
            break
    rest = rounded_up(own.left / own.weight)
    mean = sent / seconds if seconds else capacity
    return Forecast(mean / own.weight, None if rest else finish, rest, len(others))


def _steps(loads: Sequence[Load]) -> Iterator[Span]:
    """From each opening or closing to the next, with the parts that are open in it."""
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
    """Send within a step, from the end of one part to the next: since when, for how many seconds,
    and at which rate the own mailing."""
    now, end = step
    while now < end and own.left > NOTHING:
        open_ones = [(load, part) for load in (own, *others) if (part := load.next_part())]
        if not open_ones:
            return
        rates = fair_rates(capacity, [load.demand(now) for load, _ in open_ones])
        sending = [(part, rate) for (_, part), rate in zip(open_ones, rates, strict=True)]
        first = min(part.left / rate for part, rate in sending)
        lasts = max(NOTHING, min(first, (end - now).total_seconds()))
        for part, rate in sending:
            part.left = max(0.0, part.left - rate * lasts)
        yield now, lasts, rates[0] if open_ones[0][0] is own else 0.0
        now += timedelta(seconds=lasts)
