"""The hours of the client's own day in which a mailing may be sent.

They follow the zone's wall clock, which jumps twice a year in many zones: an hour that the jump
skips does not exist, and an hour that it repeats counts both times.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog

log = structlog.get_logger(__name__)

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
#: The hours of an unknown zone do not open before the end of any mailing.
NEVER = timedelta(days=100 * 365)


@dataclass(frozen=True, slots=True)
class LocalHours:
    """From `since` to before `until`; past midnight if `since` is later."""

    since: time
    until: time

    @classmethod
    def read(cls, stored: Mapping[str, str]) -> "LocalHours":
        """Read the stored form: `{"from": "09:00", "until": "21:00"}`."""
        return cls(time.fromisoformat(stored["from"]), time.fromisoformat(stored["until"]))

    def include(self, wall: time) -> bool:
        """Return whether the wall-clock time is within the hours."""
        if self.since < self.until:
            return self.since <= wall < self.until
        return wall >= self.since or wall < self.until

    def opening(self, zone: str, instant: datetime) -> tuple[datetime, datetime]:
        """Return when the hours open in the zone, at or after the instant, and when they close.

        If they are open at the instant, the opening is not later than it. Both are UTC. In a zone
        that this machine does not know they never open.
        """
        # Whole minutes make the cache useful: all messages of a minute ask the same question.
        return _opening(self, zone, instant.astimezone(UTC).replace(second=0, microsecond=0))

    def next_open(self, zone: str, now: datetime, margin: timedelta) -> tuple[datetime, datetime]:
        """Return the opening like `opening`, but treat hours that close within `margin` as closed.

        Messages may leave while `opens <= now < closes`.
        """
        opens, closes = self.opening(zone, now)
        return (opens, closes) if closes > now + margin else self.opening(zone, closes)


@lru_cache(maxsize=4096)
def _opening(hours: LocalHours, zone: str, minute: datetime) -> tuple[datetime, datetime]:
    place = _zone(zone)
    # Shifted with the minute, so that a later question gets a later answer.
    if place is None:
        return minute + NEVER, minute + NEVER + MINUTE
    opens = _first(hours, place, minute, inside=True)
    return opens, _first(hours, place, opens, inside=False)


def _first(hours: LocalHours, place: ZoneInfo, minute: datetime, *, inside: bool) -> datetime:
    """Return the first minute from this one on that is within the hours, or outside of them."""
    edge = hours.since if inside else hours.until
    while hours.include((wall := minute.astimezone(place)).time()) != inside:
        # One step where the clock runs evenly, minute by minute in the hour before it jumps.
        to_edge = datetime.combine(wall, edge) - wall.replace(tzinfo=None, fold=0)
        minute += _even(place, minute, to_edge % DAY or DAY)
    return minute


def _even(place: ZoneInfo, minute: datetime, most: timedelta) -> timedelta:
    """Return how long the clock runs evenly, up to `most`, in whole minutes; at least one."""
    offset, even = minute.astimezone(place).utcoffset(), timedelta()
    most = -(-most // MINUTE) * MINUTE
    while even < most:
        step = min(HOUR, most - even)
        if (minute + even + step).astimezone(place).utcoffset() != offset:
            return max(even, MINUTE)
        even += step
    return even


def _zone(name: str) -> ZoneInfo | None:
    """Return the zone, or None if this machine's tz database does not have it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # A guess could send at night, so the client's messages wait instead.
        log.warning("a time zone is not in this machine's tz database", zone=name)
        return None
