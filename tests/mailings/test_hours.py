"""Local hours, with the clock moved over whole days."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from vestnik.mailings.forecast import spans
from vestnik.mailings.local_hours import LocalHours

RUSSIAN = [
    ("Europe/Kaliningrad", 2),
    ("Europe/Moscow", 3),
    ("Europe/Samara", 4),
    ("Asia/Yekaterinburg", 5),
    ("Asia/Omsk", 6),
    ("Asia/Krasnoyarsk", 7),
    ("Asia/Irkutsk", 8),
    ("Asia/Yakutsk", 9),
    ("Asia/Vladivostok", 10),
    ("Asia/Magadan", 11),
    ("Asia/Kamchatka", 12),
]
DAY = LocalHours(time(9), time(21))
NIGHT = LocalHours(time(22), time(3))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(("zone", "offset"), RUSSIAN)
def test_hours_open_by_the_clock_of_each_russian_zone(zone: str, offset: int) -> None:
    opens = utc("2026-11-27T09:00") - timedelta(hours=offset)
    closes = utc("2026-11-27T21:00") - timedelta(hours=offset)

    assert DAY.opening(zone, opens - timedelta(seconds=1)) == (opens, closes)
    assert DAY.opening(zone, opens) == (opens, closes)
    assert DAY.opening(zone, closes - timedelta(seconds=1))[1] == closes
    assert DAY.opening(zone, closes) == (opens + timedelta(days=1), closes + timedelta(days=1))


@pytest.mark.parametrize(
    ("hours", "zone", "instant", "opens", "closes"),
    [
        # Forward: at 02:00 it is 03:00, so an hour of the night is not there.
        (DAY, "America/New_York", "2026-03-08T05:00", "2026-03-08T13:00", "2026-03-09T01:00"),
        (NIGHT, "America/New_York", "2026-03-08T00:00", "2026-03-08T03:00", "2026-03-08T07:00"),
        (
            LocalHours(time(2, 30), time(3, 30)),
            "America/New_York",
            "2026-03-08T05:00",
            "2026-03-08T07:00",
            "2026-03-08T07:30",
        ),
        # Back: at 02:00 it is 01:00 again.
        (DAY, "America/New_York", "2026-11-01T04:00", "2026-11-01T14:00", "2026-11-02T02:00"),
        (NIGHT, "America/New_York", "2026-11-01T00:00", "2026-11-01T02:00", "2026-11-01T08:00"),
        (
            LocalHours(time(1, 30), time(2)),
            "America/New_York",
            "2026-11-01T05:45",
            "2026-11-01T05:45",
            "2026-11-01T06:00",
        ),
        (
            LocalHours(time(1, 30), time(2)),
            "America/New_York",
            "2026-11-01T06:00",
            "2026-11-01T06:30",
            "2026-11-01T07:00",
        ),
        # A day that a zone has left out.
        (DAY, "Pacific/Apia", "2011-12-30T08:00", "2011-12-30T19:00", "2011-12-31T07:00"),
    ],
)
def test_days_on_which_the_clock_jumps(
    hours: LocalHours, zone: str, instant: str, opens: str, closes: str
) -> None:
    assert hours.opening(zone, utc(instant)) == (utc(opens), utc(closes))


@pytest.mark.parametrize("hours", [DAY, NIGHT, LocalHours(time(2, 15), time(2, 45))])
@pytest.mark.parametrize("day", ["2026-03-08", "2026-11-01"])
@pytest.mark.parametrize("zone", ["America/New_York", "America/Havana"])
def test_nothing_between_opening_and_closing_is_outside_of_the_hours(
    zone: str, day: str, hours: LocalHours
) -> None:
    place = ZoneInfo(zone)
    for minute in range(0, 48 * 60, 7):
        instant = utc(day) + timedelta(minutes=minute)
        opens, closes = hours.opening(zone, instant)
        inside = hours.include(instant.astimezone(place).time())
        assert inside == (opens <= instant)
        assert instant < closes
        assert not hours.include(closes.astimezone(place).time())
        assert hours.include((closes - timedelta(seconds=1)).astimezone(place).time())
        if not inside:
            walls = [instant + timedelta(minutes=n) for n in range((opens - instant).seconds // 60)]
            assert not any(hours.include(wall.astimezone(place).time()) for wall in walls)


def test_the_hours_of_a_zone_that_is_not_known_do_not_open() -> None:
    instant = utc("2026-11-27T09:00")

    opens, closes = DAY.opening("Mars/Olympus", instant)

    assert instant + timedelta(days=365 * 50) < opens < closes
    assert spans(DAY, "Mars/Olympus", (instant, instant + timedelta(days=365 * 5))) == []
