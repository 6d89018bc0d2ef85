"""Curves over time as SVG, drawn here: they are on paper and in a shared file as on the page."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from vestnik.dispatch.models import LEFT_US, MessageState
from vestnik.mailings.models import Mailing
from vestnik.reports.samples import Point, series

WIDTH, HEIGHT = 640, 190
LEFT, RIGHT, TOP, BOTTOM = 4, 4, 18, 24
MOST_POINTS, MOST_RATES = 300, 100
STEPS = (1, 2, 2.5, 5, 10)
MOST_TICKS = 5
HANDED_OVER = (*LEFT_US, MessageState.FAILED, MessageState.UNKNOWN)
#: Between ticks of the time.
SPANS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


@dataclass(frozen=True)
class Line:
    """One curve: what it is, the state whose colour it has, and its values."""

    label: str | Promise
    state: str
    values: Sequence[float]
    dashed: bool = False


@dataclass(frozen=True)
class Mark:
    """A value of an axis, and where it stands."""

    at: str
    label: object
    anchor: str = "start"


@dataclass(frozen=True)
class Chart:
    """What the template draws."""

    title: str | Promise
    lines: list[tuple[Line, str]]
    levels: list[Mark]
    times: list[Mark]
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def foot(self) -> int:
        return self.height - 6


def drawn(title: str | Promise, times: Sequence[datetime], lines: Sequence[Line]) -> Chart | None:
    """A chart of values at instants; None where two of them are not there."""
    if len(times) < 2:
        return None
    top = _top(max(max(line.values, default=0) for line in lines))
    seconds = [(time - times[0]).total_seconds() for time in times]
    length = seconds[-1] or 1.0
    paths = [(line, _path(seconds, line.values, length, top)) for line in lines]
    levels = [Mark(f"{_y(value, top):.1f}", _shown(value)) for value in (top / 2, top)]
    return Chart(title, paths, levels, _time_marks(times[0], length))


def _path(seconds: Sequence[float], values: Sequence[float], length: float, top: float) -> str:
    every = max(1, math.ceil(len(seconds) / MOST_POINTS))
    kept = sorted({*range(0, len(seconds), every), len(seconds) - 1})
    points = (f"{_x(seconds[n], length):.1f},{_y(values[n], top):.1f}" for n in kept)
    return " ".join(points)


def _x(seconds: float, length: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * seconds / length


def _y(value: float, top: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top)


def _top(highest: float) -> float:
    """The next round number."""
    if highest <= 0:
        return 1.0
    size = 10.0 ** math.floor(math.log10(highest))
    return next(step * size for step in STEPS if step * size >= highest * 0.9999)


def _shown(value: float) -> float | int:
    return int(value) if value == int(value) else round(value, 2)


def _time_marks(start: datetime, length: float) -> list[Mark]:
    """Round moments in the reader's zone; the seconds only where they differ."""
    span = next((span for span in SPANS if length / span <= MOST_TICKS), SPANS[-1])
    first = timezone.localtime(start)
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    past = math.ceil((first - midnight).total_seconds() / span) * span
    form = "%H:%M:%S" if span < 60 else "%H:%M" if length < 86_400 else "%d.%m %H:%M"
    marks = []
    for n in range(MOST_TICKS + 1):
        moment = midnight + timedelta(seconds=past + n * span)
        at = (moment - first).total_seconds()
        if at > length:
            break
        x = _x(at, length)
        anchor = "start" if x < WIDTH * 0.05 else "end" if x > WIDTH * 0.95 else "middle"
        marks.append(Mark(f"{x:.1f}", moment.strftime(form), anchor))
    return marks


def charts_of(mailing: Mailing) -> list[Chart]:
    """How fast a mailing was, and how many were handed over and delivered by when."""
    points = series(mailing.id)
    over = mailing.finished_at
    sending = [point for point in points if over is None or point.at <= over]
    charts = (_rate_of(_thinned(sending, MOST_RATES)), _growth_of(_while_it_changes(points)))
    return [chart for chart in charts if chart is not None]


def handed_over(point: Point) -> int:
    """How many messages a provider was given, whatever it made of them."""
    return sum(point.counts[state] for state in HANDED_OVER)


def _thinned(points: Sequence[Point], most: int) -> list[Point]:
    every = max(1, math.ceil(len(points) / most))
    return [*points[::every], *points[-1:]] if (len(points) - 1) % every else [*points[::every]]


def _while_it_changes(points: Sequence[Point]) -> list[Point]:
    """Without the end of which nothing is to be told: receipts are looked for for two days."""
    kept = list(points)
    while len(kept) > 2 and _counts(kept[-1]) == _counts(kept[-2]):
        kept.pop()
    return kept


def _counts(point: Point) -> tuple[int, int]:
    return handed_over(point), point.counts[MessageState.DELIVERED]


def _rate_of(points: Sequence[Point]) -> Chart | None:
    rates = [0.0]
    for before, after in pairwise(points):
        seconds = (after.at - before.at).total_seconds()
        rates.append(_between(before, after) / seconds if seconds else 0.0)
    line = Line(_("handed over"), "", rates)
    return drawn(_("Handed over per second"), [point.at for point in points], [line])


def _between(before: Point, after: Point) -> int:
    return max(0, handed_over(after) - handed_over(before))


def _growth_of(points: Sequence[Point]) -> Chart | None:
    lines = [
        Line(_("handed over"), "sent", [handed_over(point) for point in points]),
        Line(
            _("delivered"),
            "delivered",
            [point.counts["delivered"] for point in points],
            dashed=True,
        ),
    ]
    return drawn(_("Handed over and delivered, in all"), [point.at for point in points], lines)
