"""What comes of a mailing that is under way: when it is through, and how many will not fit."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Sum

from vestnik.dispatch.models import Batch
from vestnik.mailings.forecast import Forecast, Span, forecast, spans
from vestnik.mailings.local_hours import LocalHours
from vestnik.mailings.models import Mailing
from vestnik.mailings.window import END_GUARD
from vestnik.providers.registry import aliases, described

#: A rate that was measured is of so many seconds.
MEASURED_OVER = timedelta(seconds=10)
#: Most mailings are through by then, and a year in all zones costs a tenth of a second.
SOON = timedelta(days=8)


@dataclass(frozen=True, slots=True)
class Outlook:
    """Of a mailing with local hours. `open_now` are those of the messages whose clients' hours are
    open; `finishes_at` is None where the rate is not known, or not all fit."""

    finishes_at: datetime | None
    will_stay: int
    open_now: int


def rate_of(mailing: Mailing) -> float | None:
    """How many messages a second may leave: the lower of its own limit and the provider's."""
    rates = [float(mailing.rate_limit)] if mailing.rate_limit else []
    if mailing.provider in aliases() and (most := described(mailing.provider).max_rate):
        by_segment = described(mailing.provider).paced_by == "segment"
        rates.append(most / (mailing.segments if by_segment else 1))
    return min(rates, default=None)


def left_by_zone(mailing_id: int) -> dict[str, int]:
    """How many messages still wait in each zone of a mailing with local hours."""
    waiting = Batch.objects.filter(mailing=mailing_id, queued__gt=0).exclude(timezone=None)
    counted = waiting.order_by().values_list("timezone").annotate(left=Sum("queued"))
    return {str(zone): left for zone, left in counted}


def outlook(
    mailing: Mailing, left: Mapping[str, int], now: datetime, measured: float | None = None
) -> Outlook:
    """By how many messages are left in each zone, at the rate that was measured lately; where that
    tells nothing, at the rate that is allowed."""
    hours = LocalHours.read(mailing.local_hours or {})
    open_now = sum(n for zone, n in left.items() if _is_open(hours, zone, now))
    before = now - MEASURED_OVER
    was_open = all(_is_open(hours, z, before) for z in left if _is_open(hours, z, now))
    is_telling = measured and was_open and open_now >= measured * MEASURED_OVER.total_seconds()
    rate = measured if is_telling else rate_of(mailing)
    window = (now, mailing.ends_at - timedelta(seconds=END_GUARD))
    if rate is None:
        never = (n for zone, n in left.items() if not spans(hours, zone, window))
        return Outlook(None, sum(never), open_now)
    found = _forecast(hours, left, window, rate)
    return Outlook(found.finishes_at, found.will_not_fit, open_now)


def _forecast(hours: LocalHours, left: Mapping[str, int], window: Span, rate: float) -> Forecast:
    soon = (window[0], min(window[1], window[0] + SOON))
    for span in (soon, window):
        found = forecast([(n, spans(hours, zone, span)) for zone, n in left.items()], rate)
        if not found.will_not_fit:
            break
    return found


def _is_open(hours: LocalHours, zone: str, instant: datetime) -> bool:
    return hours.opening(zone, instant)[0] <= instant
