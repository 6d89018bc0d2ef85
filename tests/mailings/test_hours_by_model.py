"""Local hours against a model of their own: `zoneinfo` and the minutes of the day, nothing else.

What the product says may go at an instant is what its claims ask and its marks are bounded by.
"""

import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from vestnik.audience.validation import timezones
from vestnik.dispatch.record.due_messages import open_zones
from vestnik.mailings.forecast import forecast, spans
from vestnik.mailings.local_hours import LocalHours
from vestnik.mailings.window import END_GUARD

TRIES = 10_000
#: Of functions, for a year in all zones: of each minute they would be hundreds of millions.
MOST_CALLS = 3_000_000
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
FIRST, LAST = datetime(1973, 1, 1, tzinfo=UTC), datetime(2060, 1, 1, tzinfo=UTC)
#: Both hemispheres, half hours and quarters, half an hour of summer time, a day left out.
CHANGING = (
    *("Europe/Moscow", "Europe/Berlin", "Europe/London", "Europe/Kaliningrad", "Asia/Omsk"),
    *("America/New_York", "America/Havana", "America/Sao_Paulo", "America/Santiago"),
    *("Australia/Sydney", "Australia/Lord_Howe", "Australia/Adelaide", "Pacific/Auckland"),
    *("Pacific/Chatham", "Pacific/Apia", "Asia/Kathmandu", "Asia/Kolkata", "Asia/Tehran"),
    *("America/St_Johns", "Africa/Casablanca", "Antarctica/Troll", "Asia/Gaza", "Pacific/Norfolk"),
)


def may_go(hours: LocalHours, zone: str, instant: datetime) -> bool:
    """The model."""
    wall = instant.astimezone(ZoneInfo(zone))
    minute = 60 * wall.hour + wall.minute
    since, until = (60 * end.hour + end.minute for end in (hours.since, hours.until))
    return since <= minute < until if since < until else not until <= minute < since


@cache
def changes_of(zone: str) -> list[datetime]:
    """The instants at which the zone's clock jumps, to the minute."""
    place, step = ZoneInfo(zone), 9 * DAY
    ends = [FIRST + n * step for n in range((LAST - FIRST) // step)]
    offsets = [end.astimezone(place).utcoffset() for end in ends]
    pairs = zip(pairwise(ends), pairwise(offsets), strict=True)
    return [_jump(place, *span) for span, (before, after) in pairs if before != after]


def _jump(place: ZoneInfo, low: datetime, high: datetime) -> datetime:
    before = low.astimezone(place).utcoffset()
    while high - low > MINUTE:
        middle = low + ((high - low) / 2 // MINUTE) * MINUTE
        low, high = (
            (middle, high) if middle.astimezone(place).utcoffset() == before else (low, middle)
        )
    return high


def cases() -> Iterator[tuple[LocalHours, str, datetime]]:
    """Half of them within a day of a jump, and one in four at the edge of a minute."""
    chance, zones = random.Random(20261129), sorted(timezones())
    for number in range(TRIES):
        zone = chance.choice(CHANGING if number % 2 else zones)
        hours = LocalHours(*_window(chance))
        if number % 2 and (jumps := changes_of(zone)):
            instant = chance.choice(jumps) + chance.uniform(-1, 1) * DAY
        else:
            instant = FIRST + chance.random() * (LAST - FIRST)
        if number % 4 < 2:
            edge = chance.choice([timedelta(), timedelta(microseconds=1), timedelta(seconds=0.05)])
            instant = instant.replace(second=0, microsecond=0) + chance.choice([1, -1]) * edge
        yield hours, zone, instant


def _window(chance: random.Random) -> tuple[time, time]:
    """Of any length: a minute, over midnight, all but a minute of the day."""
    since = chance.randrange(1440)
    length = chance.choice([1, 2, 30, 60, 1439, chance.randrange(1, 1440)])
    ends = (since, (since + length) % 1440)
    return time(*divmod(ends[0], 60)), time(*divmod(ends[1], 60))


def test_what_may_go_is_what_the_model_says() -> None:
    """Nothing outside of the hours; within them all but the guard before they close."""
    guard, tried = timedelta(seconds=END_GUARD), {True: 0, False: 0}
    for hours, zone, now in cases():
        found = open_zones(hours, [zone], now)
        model = may_go(hours, zone, now)
        said = (hours, zone, now, found)
        closing = model and not _is_open_throughout(hours, zone, now, now + guard)
        assert bool(found.zones) == (model and not closing), said
        if found.closes:  # until which a mark may let it go
            assert _is_open_throughout(hours, zone, now, found.closes - timedelta.resolution), said
            assert not may_go(hours, zone, found.closes), said
        else:  # none waits longer than it has to, and none is looked at too soon
            assert found.next_opening is not None
            opens = now + timedelta(seconds=found.next_opening)
            assert may_go(hours, zone, opens + timedelta(microseconds=1)), said
            assert closing or not may_go(hours, zone, opens - timedelta(microseconds=2)), said
        tried[model] += 1
    assert min(tried.values()) > TRIES / 4


def _is_open_throughout(hours: LocalHours, zone: str, since: datetime, until: datetime) -> bool:
    """By both, the first minutes after the one and the last before the other, and every seventh."""
    first = since.replace(second=0, microsecond=0) + MINUTE
    count = max(0, -(-(until - first) // MINUTE))
    minutes = {*range(0, count, 7), *range(min(3, count)), *range(max(0, count - 3), count)}
    instants = [since, *(first + n * MINUTE for n in minutes), until]
    return all(may_go(hours, zone, instant) for instant in instants)


@pytest.mark.parametrize("zone", ["Europe/Moscow", "Australia/Lord_Howe", "America/St_Johns"])
def test_no_opening_is_passed_over(zone: str) -> None:
    """The next opening is the first minute that the model allows."""
    chance = random.Random(zone)
    for jump in changes_of(zone)[-12:]:
        hours = LocalHours(*_window(chance))
        now = jump - chance.random() * DAY
        opens, closes = hours.opening(zone, now)
        minute = now.replace(second=0, microsecond=0)
        while not may_go(hours, zone, minute):
            minute += MINUTE
        assert opens == minute, (hours, zone, now)
        while may_go(hours, zone, minute):
            minute += MINUTE
        assert closes == minute, (hours, zone, now)


COUNT_CALLS = """
import django
django.setup()
from tests.mailings.test_hours_by_model import calls_for_a_year_in_all_zones
print(calls_for_a_year_in_all_zones())
"""


def test_a_year_in_all_zones_is_looked_through_by_its_days_and_not_by_its_minutes() -> None:
    # In a process of its own: what measures the coverage of this one makes calls, too.
    command = [sys.executable, "-c", COUNT_CALLS]
    run = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    assert 0 < int(run.stdout) < MOST_CALLS


def calls_for_a_year_in_all_zones() -> int:
    hours = LocalHours(time(9), time(21))
    start = datetime(2026, 11, 29, 8, 17, 3, tzinfo=UTC)
    window = (start, start + 365 * DAY)
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        groups = [(1000, spans(hours, zone, window)) for zone in sorted(timezones())]
        found = forecast(groups, 0.01)
    finally:
        sys.setprofile(None)
    assert found.will_not_fit > 0
    return calls
