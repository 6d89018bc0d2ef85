"""Local hours on days with a change of the clock, with the database's clock set to them."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.gateways.standing import Standing
from tests.mailings.test_hours import RUSSIAN
from tests.pipeline.gateways import http, stack_at
from tests.pipeline.mailings import audit, create, fill, wait_ended
from tests.stack.running import RunningStack
from vestnik.mailings.local_hours import LocalHours

BERLIN = "Europe/Berlin"
PLACES = [*RUSSIAN, (BERLIN, 0)]
EACH = 5
ZONES = "UPDATE audience_client SET timezone = (%s::text[])[1 + phone_number::bigint %% %s]"
# An unqualified call of the function finds ours, whose schema precedes PostgreSQL's own.
CLOCK = """
CREATE SCHEMA IF NOT EXISTS moved;
CREATE OR REPLACE FUNCTION moved.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
AS $$ SELECT pg_catalog.clock_timestamp() + interval '{seconds} seconds' $$;
ALTER DATABASE {database} SET search_path = moved, pg_catalog, public;
"""
HOURS = {"from": "03:00", "until": "04:00"}
JUMP_OF_SPRING = datetime(2027, 3, 28, 1, tzinfo=UTC)
JUMP_OF_AUTUMN = datetime(2027, 10, 31, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def gateway() -> Iterator[Standing]:
    with Standing() as standing:
        yield standing


@pytest.fixture(scope="module")
def stack(gateway: Standing) -> Iterator[RunningStack]:
    with stack_at(gateway, http(gateway, "main")) as running:
        move_clock(running, timedelta())
        running.stop()
        yield running.start()  # so that all sessions use the moved clock


def move_clock(stack: RunningStack, by: timedelta) -> None:
    [(database,)] = stack.sql("SELECT current_database()")
    stack.sql(CLOCK.format(seconds=by.total_seconds(), database=database))


@pytest.mark.parametrize(
    ("jump", "berlin"),
    [
        pytest.param(JUMP_OF_SPRING, "sent", id="three o'clock comes right after two"),
        pytest.param(JUMP_OF_AUTUMN, "expired", id="two o'clock comes once more instead"),
    ],
)
def test_nobody_is_sent_to_outside_of_their_hours_when_the_clock_jumps(
    stack: RunningStack, gateway: Standing, jump: datetime, berlin: str
) -> None:
    gateway.sandbox.ledger.clear()
    zones = [zone for zone, _ in PLACES]
    fill(stack, EACH * len(zones))
    stack.sql(ZONES, (zones, len(zones)))
    ahead = jump - timedelta(seconds=6) - datetime.now(UTC)
    move_clock(stack, ahead)
    since = ahead.total_seconds()

    mailing = create(stack, since, since + 14, provider="main", local_hours=HOURS)
    wait_ended(stack, mailing, seconds=60)

    report = audit(stack, mailing, gateway.times())
    hours = LocalHours.read(HOURS)
    sent = Counter(zones[int(taken.phone_number) % len(zones)] for taken in gateway.taken)
    for taken in gateway.taken:
        zone = ZoneInfo(zones[int(taken.phone_number) % len(zones)])
        wall = datetime.fromtimestamp(taken.at, UTC) + ahead
        assert hours.include(wall.astimezone(zone).time()), (zone, wall)
    open_ones = {zone for zone, offset in RUSSIAN if offset in (2, 3)}
    expected = open_ones | ({BERLIN} if berlin == "sent" else set())
    assert sent == dict.fromkeys(expected, EACH)
    assert report.adds_up
    assert report.rows == {
        "sent": EACH * len(expected),
        "expired": EACH * (len(zones) - len(expected)),
    }
