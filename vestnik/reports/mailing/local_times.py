"""The local times of a mailing's clients when it is sent, and whether it is night there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings

from vestnik.mailings.forecast import Span, spans
from vestnik.mailings.local_hours import LocalHours
from vestnik.mailings.models import Mailing
from vestnik.mailings.window import END_GUARD, database_now

#: The night by the client's local time: start and end.
NIGHT_FROM, NIGHT_UNTIL = time(22), time(8)


@dataclass(frozen=True, slots=True)
class LocalTime:
    """The clients of one zone."""

    zone: str
    clients: int
    #: When the first of them may get it, by their own clock; None where their hours never open.
    begins: datetime | None
    is_night: bool

    @property
    def clock(self) -> str:
        """Return the local time; a template would convert the instant to the page's zone."""
        return "" if self.begins is None else self.begins.strftime("%H:%M")


def local_times(
    mailing: Mailing, finishes_at: datetime | None, counts: Mapping[str, int]
) -> Sequence[LocalTime]:
    """Return the zones of a mailing's recipients, those with most of them first.

    `counts` are the recipients by zone. Without a rate the end is unknown, and the mailing counts
    as finished at once.
    """
    begins = max(mailing.starts_at, database_now())
    window = (begins, mailing.ends_at - timedelta(seconds=END_GUARD))
    zones = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return [
        _of_zone(mailing, zone, clients, window, finishes_at or begins) for zone, clients in zones
    ]


def _of_zone(
    mailing: Mailing, zone: str, clients: int, window: Span, finishes_at: datetime
) -> LocalTime:
    hours = None if mailing.local_hours is None else LocalHours.read(mailing.local_hours)
    place = _offset_of(zone)
    open_ones = spans(hours, zone, window)
    if not open_ones:
        return LocalTime(zone, clients, None, is_night=False)
    last = max(finishes_at, open_ones[0][0])  # hours that open later are waited for
    sent_in = [(start, min(end, last)) for start, end in open_ones if start <= last]
    is_night = any(_is_night(*span, place) for span in sent_in)
    return LocalTime(zone, clients, open_ones[0][0].astimezone(place), is_night)


def _is_night(start: datetime, end: datetime, place: ZoneInfo) -> bool:
    """Return whether part of the span is at night in the zone."""
    first, last = start.astimezone(place), end.astimezone(place)
    is_one_day = first.date() == last.date()
    return not (is_one_day and first.time() >= NIGHT_UNTIL and last.time() < NIGHT_FROM)


def _offset_of(zone: str) -> ZoneInfo:
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(
            settings.TIME_ZONE
        )  # as the hours are read, see `vestnik.mailings.local_hours`
