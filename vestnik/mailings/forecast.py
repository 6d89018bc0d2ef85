"""When a mailing will be through at its rate, and what of it will not fit before its end."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise

from vestnik.mailings.local_hours import LocalHours

DAY = timedelta(days=1)
# A window may last for years, and what takes longer than this need not be told to the day.
MOST_DAYS = 366

Span = tuple[datetime, datetime]
#: So many messages, and when they may leave.
Group = tuple[int, Sequence[Span]]


@dataclass(frozen=True, slots=True)
class Forecast:
    """What comes of sending at a rate; without one all fits, at an instant that is not known."""

    per_second: float | None
    finishes_at: datetime | None
    will_not_fit: int
    #: How many running mailings share the provider's pace with it.
    beside: int = 0


def spans(hours: LocalHours | None, zone: str, window: Span) -> list[Span]:
    """When messages to a zone may leave within the window; a change of the clock after the second
    opening is not looked at."""
    if hours is None:
        return [window]
    first = hours.opening(zone, window[0])
    return _daily(first, hours.opening(zone, first[1]), window)


@lru_cache(maxsize=256)
def _daily(first: Span, second: Span, window: Span) -> list[Span]:
    """The same for all zones that have the same two: of 600 there are some 40 kinds."""
    (start, end), (opens, closes) = window, second
    days = range(min(MOST_DAYS, (end - start) // DAY + 1))
    found = [first, *((opens + n * DAY, closes + n * DAY) for n in days)]
    clipped = ((max(start, opens), min(end, closes)) for opens, closes in found)
    return [span for span in clipped if span[0] < span[1]]


def forecast(groups: Sequence[Group], rate: float | None) -> Forecast:
    """Of groups of so many messages, each of which may leave in its spans, at a common rate: as
    batches are claimed, those first whose hours close first."""
    if rate is None:
        return Forecast(None, None, 0)
    found = merged(groups)
    left = [float(count) for count in found.values()]
    finish = None
    for start, seconds, open_ones in _steps([*found]):
        room = rate * seconds
        for group in open_ones:
            sent = min(left[group], room)
            left[group], room = left[group] - sent, room - sent
            if sent:
                finish = start + timedelta(seconds=seconds - room / rate)
    rest = rounded_up(sum(left))
    return Forecast(rate, None if rest else finish, rest)


def rounded_up(messages: float) -> int:
    """A whole number of messages, without what is an error of rounding."""
    return math.ceil(round(messages, 6))


def merged(groups: Sequence[Group]) -> dict[tuple[Span, ...], int]:
    """How many there are by their spans: those that are open together are sent to as one."""
    found: dict[tuple[Span, ...], int] = {}
    for count, schedule in groups:
        key = tuple(schedule)
        found[key] = found.get(key, 0) + count
    return found


def _steps(schedules: Sequence[Sequence[Span]]) -> Iterator[tuple[datetime, float, list[int]]]:
    """From each opening or closing to the next: its instant, its length, and which are open, the
    first to close first."""
    openings: defaultdict[datetime, list[tuple[datetime, int]]] = defaultdict(list)
    for group, schedule in enumerate(schedules):
        for opens, closes in schedule:
            openings[opens].append((closes, group))
            openings.setdefault(closes, [])
    open_ones: list[tuple[datetime, int]] = []
    for start, end in pairwise(sorted(openings)):
        open_ones = sorted([*(one for one in open_ones if one[0] > start), *openings[start]])
        yield start, (end - start).total_seconds(), [group for _, group in open_ones]
