"""What comes of a mailing with local hours."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.builders import make_client
from tests.dispatch.prepare.test_local_hours import hours_at, launched
from vestnik.mailings.models import Mailing
from vestnik.reports.mailing.outlook import Outlook, left_by_zone, outlook
from vestnik.reports.mailing.snapshot import snapshot_of

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
#: At noon in London it is three in Moscow, and ten at night in Vladivostok.
MOSCOW, VLADIVOSTOK = "Europe/Moscow", "Asia/Vladivostok"


def after(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)


@pytest.mark.parametrize(
    ("left", "ends_in", "rate_limit", "measured", "found"),
    [
        pytest.param({MOSCOW: 3600}, 2, 1, None, Outlook(after(1), 0, 3600), id="fits"),
        pytest.param({MOSCOW: 9000}, 2, 1, None, Outlook(None, 1801, 9000), id="does not fit"),
        pytest.param({VLADIVOSTOK: 100}, 2, 1, 0.0, Outlook(None, 100, 0), id="never open"),
        pytest.param({VLADIVOSTOK: 100}, 2, None, 0.0, Outlook(None, 100, 0), id="at any rate"),
        pytest.param(
            {MOSCOW: 3600, VLADIVOSTOK: 7}, 2, 1, None, Outlook(None, 7, 3600), id="some never"
        ),
        pytest.param(
            {MOSCOW: 30_000}, 24, 1, None, Outlook(after(18 + 2 + 1 / 3), 0, 30_000), id="next day"
        ),
        pytest.param(
            {VLADIVOSTOK: 3600}, 24, 1, 0.0, Outlook(after(12), 0, 0), id="when they open"
        ),
        pytest.param({MOSCOW: 3600}, 4, 1, 0.5, Outlook(after(2), 0, 3600), id="as it goes"),
        pytest.param(
            {MOSCOW: 2, VLADIVOSTOK: 3600}, 24, 1, 0.5, Outlook(after(12), 0, 2), id="the last ones"
        ),
        pytest.param({MOSCOW: 3600}, 2, None, 0.0, Outlook(None, 0, 3600), id="not known"),
    ],
)
def test_by_zone_hours_and_rate(
    left: dict[str, int],
    ends_in: float,
    rate_limit: int | None,
    measured: float | None,
    found: Outlook,
) -> None:
    hours = {"from": "09:00", "until": "21:00"}
    more: dict[str, Any] = {"local_hours": hours, "provider": "null", "segments": 1}
    mailing = Mailing(rate_limit=rate_limit, ends_at=after(ends_in), **more)

    seen = outlook(mailing, left, NOON, measured)

    assert (seen.will_stay, seen.open_now) == (found.will_stay, found.open_now)
    assert (seen.finishes_at is None) == (found.finishes_at is None)
    if seen.finishes_at and found.finishes_at:
        assert abs(seen.finishes_at - found.finishes_at) < timedelta(seconds=5)


def test_hours_that_have_just_opened_are_no_slowness() -> None:
    """For ten seconds the rate is of a time in which nobody was written to."""
    opened = datetime(2026, 11, 27, 6, tzinfo=UTC)  # nine in Moscow
    hours = {"from": "09:00", "until": "21:00"}
    end = opened + timedelta(hours=2)
    mailing = Mailing(
        rate_limit=1, ends_at=end, local_hours=hours, provider="null", segments=1, text=""
    )

    for seconds, stays in ((2, 0), (9, 0), (60, 3600)):
        seen = outlook(mailing, {MOSCOW: 7140}, opened + timedelta(seconds=seconds), 0.5)
        assert (seen.will_stay > 3500) == bool(stays), seconds


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("minutes", "waits", "stays"),
    [((-30, 30), False, 0), ((30, 60), True, 0), ((120, 180), True, 2)],
    ids=["open, and nothing goes", "open later", "open after the end"],
)
def test_what_a_mailing_waits_for(minutes: tuple[float, float], waits: bool, stays: int) -> None:
    for n in range(2):
        make_client(f"7900000000{n}", timezone=MOSCOW)
    mailing = launched(local_hours=hours_at(MOSCOW, *minutes), ends_in=90 * 60)

    seen = snapshot_of(mailing.id)

    assert seen
    assert left_by_zone(mailing.id) == {MOSCOW: 2}
    assert (seen.waits_for_hours, seen.will_stay) == (waits, stays)
