"""Draws charts as SVG on the server, so that print and shared files show them, too."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.functional import Promise

from vestnik.dashboard.mailings.report.charts import LineChart, Series

# Units of the SVG's view box; it scales with the page.
WIDTH, HEIGHT = 640, 190
LEFT, RIGHT, TOP, BOTTOM = 4, 4, 18, 24
#: About two units of the width per point.
MOST_POINTS = 300
#: Round numbers for the top of the axis, times a power of ten.
STEPS = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
#: Labels on the axis of time.
MOST_TICKS = 5
#: Spans between the ticks of time, in seconds.
DAY = 86_400
SPANS = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200),
    *(days * DAY for days in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)),
)


@dataclass(frozen=True)
class AxisLabel:
    """A label of an axis, with its position."""

    at: str
    label: object
    anchor: str = "start"


@dataclass(frozen=True)
class SvgChart:
    """The context of the template."""

    title: str | Promise
    text: str
    lines: list[tuple[Series, str]]
    levels: list[AxisLabel]
    times: list[AxisLabel]
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def foot(self) -> int:
        """The height at which the times are written."""
        return self.height - 6


def draw(chart: LineChart) -> SvgChart:
    """Draw a chart."""
    top = _round_up(max(max(line.values, default=0) for line in chart.lines))
    seconds = [(time - chart.times[0]).total_seconds() for time in chart.times]
    length = seconds[-1] or 1.0
    paths = [(line, _path(seconds, line.values, length, top)) for line in chart.lines]
    levels = [AxisLabel(f"{_y(value, top):.1f}", _tick_text(value)) for value in (top / 2, top)]
    return SvgChart(chart.title, chart.text, paths, levels, _time_labels(chart.times[0], length))


def _path(seconds: Sequence[float], values: Sequence[float], length: float, top: float) -> str:
    every = max(1, math.ceil(len(seconds) / MOST_POINTS))
    indexes = sorted({*range(0, len(seconds), every), len(seconds) - 1})
    points = (f"{_x(seconds[n], length):.1f},{_y(values[n], top):.1f}" for n in indexes)
    return " ".join(points)


def _x(seconds: float, length: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * seconds / length


def _y(value: float, top: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top)


def _round_up(highest: float) -> float:
    """Return the next round number."""
    if highest <= 0:
        return 1.0
    size = 10.0 ** math.floor(math.log10(highest))
    return next(step * size for step in STEPS if step * size >= highest * 0.9999)


def _tick_text(value: float) -> float | int:
    return int(value) if value == int(value) else round(value, 2)


def _time_labels(start: datetime, length: float) -> list[AxisLabel]:
    """Return round times in the reader's zone; with seconds only if they differ."""
    span = next((span for span in SPANS if length / span <= MOST_TICKS), SPANS[-1])
    first = timezone.localtime(start)
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    past = math.ceil((first - midnight).total_seconds() / span) * span
    form = "%H:%M:%S" if span < 60 else "%H:%M" if length < 86_400 else "%d.%m %H:%M"
    marks = []
    for n in range(MOST_TICKS + 1):
        moment = midnight + timedelta(seconds=past + n * span)
        at = moment.timestamp() - first.timestamp()  # across a change of the clocks
        if at > length:
            break
        x = _x(at, length)
        anchor = "start" if x < WIDTH * 0.05 else "end" if x > WIDTH * 0.95 else "middle"
        marks.append(AxisLabel(f"{x:.1f}", moment.strftime(form), anchor))
    # No round time lies within a part of a second.
    return marks or [AxisLabel(f"{_x(0, length):.1f}", first.strftime(form))]
