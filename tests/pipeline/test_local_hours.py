"""Local hours at the receiving end: the console."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.mailings.test_hours import RUSSIAN
from tests.pipeline.mailings import create, fill, judge, wait_ended
from vestnik.mailings.hours import LocalHours

ZONES = "UPDATE audience_client SET timezone = (%s::text[])[1 + phone_number::bigint %% %s]"


def test_nobody_is_sent_to_outside_of_their_hours(stack):
    fill(stack, 110)
    zones = [zone for zone, _ in RUSSIAN]
    stack.sql(ZONES, (zones, len(zones)))
    moscow = datetime.now(UTC).astimezone(ZoneInfo("Europe/Moscow"))
    kept = {
        "from": (moscow - timedelta(minutes=90)).strftime("%H:%M"),
        "until": (moscow + timedelta(minutes=90)).strftime("%H:%M"),
    }

    mailing = create(stack, ends_in=5.0, local_hours=kept)
    wait_ended(stack, mailing, seconds=20)

    verdict = judge(stack, mailing)
    hours = LocalHours.read(kept)
    assert verdict.adds_up
    assert verdict.rows == {"sent": 30, "expired": 80}
    for sent in verdict.arrivals:
        zone = ZoneInfo(zones[int(sent.phone) % len(zones)])
        assert hours.include(datetime.fromtimestamp(sent.line.wall, zone).time())
