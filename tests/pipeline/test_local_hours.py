"""Local hours, checked at the receiving end: the console."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from tests.mailings.test_hours import RUSSIAN
from tests.pipeline.mailings import audit, create, fill, wait_ended
from tests.stack.running import RunningStack
from vestnik.mailings.local_hours import LocalHours

ZONES = "UPDATE audience_client SET timezone = (%s::text[])[1 + phone_number::bigint %% %s]"


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    """One of its own: the shared one would go on running in a process with other tests."""
    with RunningStack(workers=2) as running:
        yield running


def test_nobody_is_sent_to_outside_of_their_hours(stack):
    fill(stack, 110)
    zones = [zone for zone, _ in RUSSIAN]
    stack.sql(ZONES, (zones, len(zones)))
    moscow = datetime.now(UTC).astimezone(ZoneInfo("Europe/Moscow"))
    kept = {
        "from": (moscow - timedelta(minutes=90)).strftime("%H:%M"),
        "until": (moscow + timedelta(minutes=90)).strftime("%H:%M"),
    }

    mailing = create(stack, ends_in=10.0, local_hours=kept)
    wait_ended(stack, mailing, seconds=60)

    report = audit(stack, mailing)
    hours = LocalHours.read(kept)
    assert report.adds_up
    assert report.rows == {"sent": 30, "expired": 80}
    for sent in report.arrivals:
        zone = ZoneInfo(zones[int(sent.phone) % len(zones)])
        assert hours.include(datetime.fromtimestamp(sent.line.wall, zone).time())


class Window(NamedTuple):
    """Return hours of a zone of which one end is the same instant in all zones."""

    zone: str
    since: int
    until: int


#: Half-hour zones, half an hour of summer time, quarters, one minute, all but a minute, past
#: midnight.
WINDOWS = (
    Window("Europe/Moscow", -90, 0),
    Window("Australia/Lord_Howe", 0, 1),
    Window("Asia/Kolkata", -1439, 0),
    Window("America/St_Johns", 0, 1439),
    Window("Pacific/Chatham", -1380, 0),
    Window("America/New_York", 0, 1380),
)
TAGGED = """UPDATE audience_client SET tag = 'zone ' || phone_number::bigint %% %s,
timezone = (%s::text[])[1 + phone_number::bigint %% %s]"""
EACH = 150
#: Seconds after it was written within which a line of the console may be read: tests run beside.
READ_LATE = 6.0


def test_hours_that_open_or_close_while_it_runs(stack):
    """Create six mailings: three may be sent until an instant, and three from it on."""
    fill(stack, EACH * len(WINDOWS))
    stack.sql(TAGGED, (len(WINDOWS), [one.zone for one in WINDOWS], len(WINDOWS)))
    edge = (datetime.now(UTC) + timedelta(seconds=70)).replace(second=0, microsecond=0)
    if edge - datetime.now(UTC) < timedelta(seconds=12):
        edge += timedelta(minutes=1)
    ends_in = (edge - datetime.now(UTC)).total_seconds() + 2 * READ_LATE

    mailings = [
        create(
            stack,
            ends_in=ends_in,
            filter={"tags": [f"zone {n}"]},
            local_hours=_hours(window, edge),
            rate_limit=2,
        )
        for n, window in enumerate(WINDOWS)
    ]

    for mailing, window in zip(mailings, WINDOWS, strict=True):
        wait_ended(stack, mailing, seconds=ends_in + 30)
        report = audit(stack, mailing)
        assert report.adds_up
        assert set(report.rows) == {"sent", "expired"}, window
        assert (report.doubled, report.lost) == ([], [])
        departed = [at for (at,) in stack.sql(DEPARTED, (mailing,))]
        hours, zone = LocalHours.read(_hours(window, edge)), ZoneInfo(window.zone)
        assert all(hours.include(at.astimezone(zone).time()) for at in departed), window
        read = [sent.line.wall for sent in report.arrivals]
        if window.since == 0:  # all are closed in the minute before; one is open until then
            closed = edge.timestamp() - 60 + READ_LATE
            assert not [at for at in read if closed <= at < edge.timestamp()], window
        else:
            assert max(read) < edge.timestamp() + READ_LATE, window


DEPARTED = "SELECT sent_at FROM dispatch_message WHERE mailing_id = %s AND state = 'sent'"


def _hours(window: Window, edge: datetime) -> dict[str, str]:
    place = ZoneInfo(window.zone)
    ends = (edge + timedelta(minutes=m) for m in (window.since, window.until))
    since, until = (end.astimezone(place).strftime("%H:%M") for end in ends)
    return {"from": since, "until": until}
