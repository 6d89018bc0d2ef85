"""The forecast of a running mailing: when it finishes, and how many messages will not fit."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vestnik.dispatch.read.backlog import waiting_beside, waiting_by_zone
from vestnik.mailings.forecast import Forecast, Group, Span, forecast, spans
from vestnik.mailings.local_hours import LocalHours
from vestnik.mailings.models import Mailing
from vestnik.mailings.shared_forecast import Load, forecast_beside
from vestnik.mailings.window import END_GUARD
from vestnik.providers.registry import aliases, describe

#: The period over which a rate is measured.
MEASURED_OVER = timedelta(seconds=10)
#: The period that is forecast first: most mailings finish in it, and a year in all zones takes 0.1
#: s.
SOON = timedelta(days=8)


@dataclass(frozen=True, slots=True)
class Outlook:
    """The forecast of a mailing with local hours. `open_now` counts messages whose clients' hours
    are open; `finishes_at` is None if the rate is unknown or not all messages fit."""

    finishes_at: datetime | None
    will_stay: int
    open_now: int
    per_second: float | None = None
    beside: int = 0


def rate_of(mailing: Mailing, segments: float | None = None) -> float | None:
    """Return the messages allowed per second: the lower of the mailing's and the provider's limit,
    for messages of `segments` segments."""
    rates = [float(mailing.rate_limit)] if mailing.rate_limit else []
    if mailing.provider in aliases() and (most := describe(mailing.provider).max_rate):
        by_segment = describe(mailing.provider).paced_by == "segment"
        rates.append(most / ((segments or mailing.segments) if by_segment else 1))
    return min(rates, default=None)


def common_forecast(
    mailing: Mailing, groups: Sequence[Group], now: datetime, weight: float | None = None
) -> Forecast:
    """Forecast when these messages of a mailing will be sent, at the allowed rate and beside the
    running mailings of its provider. `weight` is the mean of their segments."""
    segments = mailing.segments if weight is None else weight
    provider = describe(mailing.provider) if mailing.provider in aliases() else None
    if provider and provider.max_rate:
        by_segment = provider.paced_by == "segment"
        if others := _others(mailing, now, by_segment=by_segment):
            own = Load(groups, mailing.rate_limit, segments if by_segment else 1.0)
            return forecast_beside(own, others, provider.max_rate)
    return forecast(groups, rate_of(mailing, segments))


def _others(mailing: Mailing, now: datetime, *, by_segment: bool) -> list[Load]:
    groups: dict[int, list[Group]] = {}
    found: dict[int, tuple[float | None, float]] = {}
    for row in waiting_beside(mailing.provider, mailing.id):
        window = (now, row.ends_at - timedelta(seconds=END_GUARD))
        hours = LocalHours.read(json.loads(row.local_hours)) if row.local_hours else None
        schedule = spans(hours, row.timezone or "", window)
        groups.setdefault(row.id, []).append((row.waiting, schedule))
        found[row.id] = (row.rate_limit, row.segments if by_segment else 1.0)
    loads = [Load(groups[id], *found[id]) for id in groups]
    return [load for load in loads if any(part.schedule for part in load.parts)]


def left_by_zone(mailing_id: int) -> dict[str, int]:
    """Return the number of waiting messages by zone of a mailing with local hours."""
    return {str(row["timezone"]): row["left"] for row in waiting_by_zone(mailing_id)}


def outlook(
    mailing: Mailing, left: Mapping[str, int], now: datetime, measured: float | None = None
) -> Outlook:
    """Forecast from the messages left in each zone, at the measured rate; if there is none, at the
    allowed rate."""
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

    def at_its_rate(groups: Sequence[Group]) -> Forecast:
        return forecast(groups, rate) if is_telling else common_forecast(mailing, groups, now)

    found = _forecast(hours, left, window, at_its_rate)
    return Outlook(found.finishes_at, found.will_not_fit, open_now, found.per_second, found.beside)


def _forecast(
    hours: LocalHours,
    left: Mapping[str, int],
    window: Span,
    forecast_of: Callable[[Sequence[Group]], Forecast],
) -> Forecast:
    soon = (window[0], min(window[1], window[0] + SOON))
    for span in (soon, window):
        found = forecast_of([(n, spans(hours, zone, span)) for zone, n in left.items()])
        if not found.will_not_fit:
            break
    return found


def _is_open(hours: LocalHours, zone: str, instant: datetime) -> bool:
    return hours.opening(zone, instant)[0] <= instant
