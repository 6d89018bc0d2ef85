"""The charts of a mailing: its rate, and handed-over and delivered messages over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from vestnik.dashboard.mailings.provider_choices import rate
from vestnik.dashboard.templatetags.vestnik import number
from vestnik.dispatch.states import MessageState
from vestnik.mailings.models import Mailing
from vestnik.reports.timeline.samples import Point, handed_over, series, thinned

#: Steps of the rate: more than the pixels of a line cannot be told apart.
MOST_RATES = 100


@dataclass(frozen=True)
class Series:
    """One line: its label, the state that gives its colour (empty for the accent), its values."""

    label: str | Promise
    state: str
    values: Sequence[float]
    dashed: bool = False


@dataclass(frozen=True)
class LineChart:
    """Lines over the same times, of which there are at least two."""

    title: str | Promise
    #: The content in words, for screen readers.
    text: str
    times: Sequence[datetime]
    lines: Sequence[Series]


def charts_of(mailing: Mailing) -> list[LineChart]:
    """Return the charts of rate and growth; none before there are samples."""
    points = series(mailing.id)
    over = mailing.finished_at
    sending = thinned([point for point in points if over is None or point.at <= over], MOST_RATES)
    changing = _without_flat_end(points)
    rates = [_rate_chart(sending)] if len(sending) > 1 else []
    return rates + ([_growth_chart(changing)] if len(changing) > 1 else [])


def _without_flat_end(points: Sequence[Point]) -> list[Point]:
    """Return the points up to the last change."""
    remaining = list(points)
    # Receipts are sampled for two days, mostly without any change.
    while len(remaining) > 2 and _counts(remaining[-1]) == _counts(remaining[-2]):
        remaining.pop()
    return remaining


def _counts(point: Point) -> tuple[int, int]:
    return handed_over(point.counts), point.counts[MessageState.DELIVERED]


def _rate_chart(points: Sequence[Point]) -> LineChart:
    rates = [_a_second(before, after) for before, after in pairwise(points)]
    text = gettext("Maximum %(most)s a second, %(mean)s on average, %(last)s at the end.") % {
        "most": rate(max(rates)),
        "mean": rate(_a_second(points[0], points[-1])),
        "last": rate(rates[-1]),
    }
    # As steps: a rate holds from one sample to the next, so an outage shows its true beginning.
    steps = [rate for rate in rates for _end in range(2)]
    times = [point.at for pair in pairwise(points) for point in pair]
    line = Series(_("handed over"), "", steps)
    return LineChart(_("Handed over per second"), text, times, [line])


def _a_second(before: Point, after: Point) -> float:
    seconds = (after.at - before.at).total_seconds()
    return (
        max(0, handed_over(after.counts) - handed_over(before.counts)) / seconds if seconds else 0.0
    )


def _growth_chart(points: Sequence[Point]) -> LineChart:
    accepted = [handed_over(point.counts) for point in points]
    delivered = [point.counts[MessageState.DELIVERED] for point in points]
    text = gettext("In total %(given)s handed over and %(delivered)s delivered.") % {
        "given": number(accepted[-1]),
        "delivered": number(delivered[-1]),
    }
    lines = [
        Series(_("handed over"), "sent", accepted),
        Series(_("delivered"), "delivered", delivered, dashed=True),
    ]
    return LineChart(_("Handed over and delivered in total"), text, _times(points), lines)


def _times(points: Sequence[Point]) -> list[datetime]:
    return [point.at for point in points]
