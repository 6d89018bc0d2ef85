"""When a mailing will finish at its rate, and how many messages will not leave before its end."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise

from vestnik.mailings.local_hours import LocalHours

DAY = timedelta(days=1)
# A window may last for years, but a forecast beyond a year need not be exact to the day.
MOST_DAYS = 366

Span = tuple[datetime, datetime]
#: A number of messages, and the spans in which they may leave.
Group = tuple[int, Sequence[Span]]


@dataclass(frozen=True, slots=True)
class Forecast:
    """The forecast of sending at a rate, in messages a second.

    Without a known rate nothing is predicted: everything fits, and the finish is None.
    """

    per_second: float | None
    finishes_at: datetime | None
    will_not_fit: int
    #: How many other running mailings share the provider's rate.
    beside: int = 0


def spans(hours: LocalHours | None, zone: str, window: Span) -> list[Span]:
    """Return when messages to a zone may leave within the window.

    A change of the zone's clock after the second opening is ignored.
    """
    if hours is None:
        return [window]
    first = hours.opening(zone, window[0])
    return _daily(first, hours.opening(zone, first[1]), window)


@lru_cache(maxsize=256)
def _daily(first: Span, second: Span, window: Span) -> list[Span]:
    """Repeat the second span daily within the window."""
    # Cached by its spans, not by zone: the 600 zones have only about 40 different pairs of spans.
    (start, end), (opens, closes) = window, second
    days = range(min(MOST_DAYS, (end - start) // DAY + 1))
    candidates = [first, *((opens + n * DAY, closes + n * DAY) for n in days)]
    clipped = ((max(start, opens), min(end, closes)) for opens, closes in candidates)
    return [span for span in clipped if span[0] < span[1]]


def forecast(groups: Sequence[Group], rate: float | None) -> Forecast:
    """Forecast groups of messages that are sent at a common rate, in messages a second.

    Groups whose hours close first are sent first, as batches are claimed.
    """
    if rate is None:
        return Forecast(None, None, 0)
    counts = merged(groups)
    remaining = [float(count) for count in counts.values()]
    finish = None
    for start, seconds, open_ones in _steps([*counts]):
        room = rate * seconds
        for group in open_ones:
            portion = min(remaining[group], room)
            remaining[group], room = remaining[group] - portion, room - portion
            if portion:
                finish = start + timedelta(seconds=seconds - room / rate)
    rest = rounded_up(sum(remaining))
    return Forecast(rate, None if rest else finish, rest)


def rounded_up(messages: float) -> int:
    """Return a whole number of messages; errors of rounding do not count as a message."""
    return math.ceil(round(messages, 6))


def merged(groups: Sequence[Group]) -> dict[tuple[Span, ...], int]:
    """Return the number of messages by their spans: groups with equal spans are sent as one."""
    counts: dict[tuple[Span, ...], int] = {}
    for count, schedule in groups:
        key = tuple(schedule)
        counts[key] = counts.get(key, 0) + count
    return counts


def _steps(schedules: Sequence[Sequence[Span]]) -> Iterator[tuple[datetime, float, list[int]]]:
    """Yield each step from an opening or closing to the next: its start, its length in seconds, and
    the groups that are open, the first to close first."""
    openings: defaultdict[datetime, list[tuple[datetime, int]]] = defaultdict(list)
    for group, schedule in enumerate(schedules):
        for opens, closes in schedule:
            openings[opens].append((closes, group))
            openings.setdefault(closes, [])
    open_ones: list[tuple[datetime, int]] = []
    for start, end in pairwise(sorted(openings)):
        open_ones = sorted([*(one for one in open_ones if one[0] > start), *openings[start]])
        yield start, (end - start).total_seconds(), [group for _, group in open_ones]
