"""What is kept of how mailings went, and what it tells."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from tests.builders import make_mailing, make_running
from tests.database_clock import stop_database_clock
from tests.dispatch.sent import record
from tests.reports.sampled import sample, started
from vestnik.db import sql
from vestnik.db.lock_ids import SAMPLING_LOCK
from vestnik.mailings.models import CANCEL, PAUSE, Mailing
from vestnik.reports.models import Sample
from vestnik.reports.timeline.daily_totals import today
from vestnik.reports.timeline.samples import MAX_POINTS, by_hour, series
from vestnik.reports.timeline.sampling import MAX_FOLLOWED, THIN_OUT, take_samples, thin_out

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _forget_past_hours() -> None:
    cache.clear()


def age(seconds: float) -> None:
    """All samples were taken so many seconds earlier."""
    for kept in Sample.objects.order_by("at"):
        Sample.objects.filter(id=kept.id).update(at=kept.at - timedelta(seconds=seconds))


def over(mailing: Mailing, ago: timedelta) -> None:
    Mailing.objects.filter(id=mailing.id).update(
        state="finished", finished_at=timezone.now() - ago, started_at=timezone.now() - 2 * ago
    )


def test_what_runs_is_sampled_each_second() -> None:
    mailing = make_running(3)

    take_samples()
    age(1)
    record(mailing, ["sent", "failed", "unknown"])
    take_samples()

    assert [(p["queued"], p["sent"], p["unknown"]) for p in Sample.objects.values()] == [
        (3, 0, 0),
        (0, 1, 1),
    ]


def test_twice_in_a_moment_is_once() -> None:
    make_running(3)
    stop_database_clock()

    take_samples()
    take_samples()

    assert Sample.objects.count() == 1


def test_samples_of_a_clock_that_was_set_back_are_forgotten() -> None:
    """Else nothing is sampled until the clock is there again, and what grows is less than none."""
    mailing = make_running(3)
    record(mailing, ["sent", "failed"])
    sample(mailing, ago=-40, sent=300)

    take_samples()

    (kept,) = Sample.objects.all()
    assert (kept.sent, kept.failed) == (1, 1)
    assert kept.at < timezone.now() + timedelta(seconds=1)


def test_nothing_is_kept_of_what_has_not_begun_or_never_will() -> None:
    make_mailing(starts_in=60)
    make_mailing(starts_in=60).apply(CANCEL, actor="test")

    take_samples()

    assert not Sample.objects.exists()


def test_a_standstill_is_two_points_however_long_it_lasts() -> None:
    make_running(3)
    for _ in range(5):
        take_samples()
        age(2)
    take_samples()

    first, last = Sample.objects.order_by("at")
    assert last.at - first.at >= timedelta(seconds=10)


def test_a_pause_is_looked_at_less_often() -> None:
    mailing = make_running(3)
    started(mailing, ago=3000)
    take_samples()
    mailing.apply(PAUSE, actor="test")

    age(15)  # a 150th of its age is 20 s
    take_samples()
    assert Sample.objects.count() == 1
    age(6)
    take_samples()
    assert Sample.objects.count() == 2


def test_the_end_is_a_point_at_once_and_receipts_are_waited_for_two_days() -> None:
    mailing = make_running(1)
    take_samples()
    over(mailing, timedelta())
    take_samples()
    assert Sample.objects.count() == 2

    over(mailing, timedelta(days=3))
    age(3600)
    take_samples()
    assert Sample.objects.count() == 2


def test_one_looks_at_a_time() -> None:
    make_running(1)
    reach = ("host", "port", "user", "dbname", "password")
    known = {k: v for k, v in connection.get_connection_params().items() if k in reach}
    with psycopg.connect(**known, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [SAMPLING_LOCK])
        take_samples()

    assert not Sample.objects.exists()


def test_the_older_the_fewer() -> None:
    mailing = make_running(3)
    started(mailing, ago=2700)  # slots are 16 s wide by now
    for second in range(170, 30, -1):
        sample(mailing, ago=second, queued=3, sent=170 - second)

    take_samples()

    behind = Sample.objects.filter(at__lt=timezone.now() - timedelta(seconds=30))
    assert 8 <= behind.count() <= 11
    gaps = behind.order_by("at").values_list("at", flat=True)
    assert all(b - a <= timedelta(seconds=32) for a, b in pairwise(gaps))


def test_the_last_half_minute_is_kept_to_the_second() -> None:
    mailing = make_running(3)
    started(mailing, ago=86_400)
    now = stop_database_clock()
    for second in range(30, 0, -1):
        kept = sample(mailing, ago=second, queued=3, sent=30 - second)
        Sample.objects.filter(id=kept.id).update(at=now - timedelta(seconds=second - 0.01))

    take_samples()

    assert Sample.objects.count() == 31


def test_of_what_is_long_over_little_stays() -> None:
    mailing = make_running(1)
    over(mailing, timedelta(days=3))
    for n in range(1000):
        sample(mailing, ago=300_000 - n, sent=n)

    thin_out()
    thin_out()

    kept = list(Sample.objects.order_by("at").values_list("sent", flat=True))
    assert len(kept) <= MAX_FOLLOWED + 1
    assert (kept[0], kept[-1]) == (0, 999)


def test_a_curve_begins_with_nothing_at_the_launch_and_ends_with_the_last_point() -> None:
    mailing = make_running(1)
    started(mailing, ago=2000)
    for n in range(1000):
        sample(mailing, ago=1500 - n, sent=n)

    points = series(mailing.id)

    assert len(points) <= MAX_POINTS + 1
    assert points[0].at == mailing.started_at
    assert points[0].counts["sent"] == 0
    assert points[-1].counts["sent"] == 999
    assert [p.at for p in points] == sorted(p.at for p in points)


def test_a_mailing_that_never_ran_has_no_curve() -> None:
    assert series(make_mailing(starts_in=60).id) == []


def test_hours_say_by_how_much_each_state_grew() -> None:
    mailing = make_running(1)
    started(mailing, ago=3 * 3600)
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    for ago, counts in ((3, {"sent": 5}), (2, {"sent": 40, "failed": 2}), (1, {"delivered": 40})):
        kept = sample(mailing, ago=0, **counts)
        Sample.objects.filter(id=kept.id).update(at=hour - timedelta(hours=ago, minutes=-30))

    by_start = {found.at: found.counts for found in by_hour(24)}

    assert len(by_start) == 24
    assert max(by_start) == hour
    assert by_start[hour - timedelta(hours=2)]["sent"] == 35
    assert by_start[hour - timedelta(hours=2)]["failed"] == 2
    assert by_start[hour - timedelta(hours=1)]["delivered"] == 40
    assert by_start[hour - timedelta(hours=1)]["sent"] == 0
    assert not any(by_start[hour].values())


def test_hours_leave_out_tests_and_what_is_long_over() -> None:
    mailing = make_running(1)
    sample(mailing, ago=0, sent=10)
    Mailing.objects.update(is_test=True)
    assert not any(sum(found.counts.values()) for found in by_hour())

    Mailing.objects.update(is_test=False)
    assert by_hour()[-1].counts["sent"] + by_hour()[-2].counts["sent"] == 10


#: Of a mailing that sends ten a second; one sample in twenty seconds.
STEADY = """
INSERT INTO reports_sample (mailing_id, at, matched, queued, sending, sent, delivered, undelivered,
    failed, unknown, expired, cancelled, suppressed)
SELECT %(id)s, at, 0, 0, 0, 10 * extract(epoch FROM at - %(start)s::timestamptz)::int,
    0, 0, 0, 0, 0, 0, 0
FROM generate_series(%(first)s::timestamptz, %(last)s::timestamptz, interval '20 seconds') AS at
"""
MOST_OFF = 2 * 20 * 10


def sent_steadily(days: float, until: datetime) -> Mailing:
    """A mailing that has sent for so many days, of which the last are sampled and thinned out."""
    mailing = make_running(1)
    start = until - timedelta(days=days)
    Mailing.objects.filter(id=mailing.id).update(started_at=start)
    first = max(start, until - timedelta(hours=26))
    sql.run(STEADY, {"id": mailing.id, "start": start, "first": first, "last": until})
    sql.run("ANALYZE reports_sample")
    sql.run(THIN_OUT.replace("interval '3 minutes'", "interval '9 days'"), [[mailing.id]])
    return mailing


@pytest.mark.parametrize("days", [3, 20])
def test_hours_of_a_long_mailing_are_what_was_sent_in_them(days: int) -> None:
    """The issue's figures: 30,720 and 40,960 an hour; 57,280, 0, 81,920, 0. It was 36,000."""
    now = timezone.now()
    sent_steadily(days, now)

    *whole, running = by_hour(24)

    assert all(abs(hour.counts["sent"] - 36_000) <= MOST_OFF for hour in whole)
    gone = (now - running.at).total_seconds()
    assert abs(running.counts["sent"] - 10 * gone) <= MOST_OFF


@pytest.mark.parametrize("zone", ["Europe/Moscow", "Asia/Kolkata", "Pacific/Chatham"])
@pytest.mark.parametrize("days", [3, 20])
def test_today_begins_at_midnight(days: int, zone: str, settings: Any) -> None:
    settings.TIME_ZONE = zone
    here = timezone.now().astimezone(ZoneInfo(zone))
    sent_steadily(days, here)
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0)

    assert abs(today().sent - 10 * (here - midnight).total_seconds()) <= MOST_OFF


@pytest.mark.parametrize("hours_ago", [30, 49, 71])
def test_what_ended_before_midnight_counts_nothing_today(hours_ago: float) -> None:
    """It counted 34,560 messages and their price."""
    ended = timezone.now() - timedelta(hours=hours_ago)
    mailing = sent_steadily(3, ended)
    Mailing.objects.filter(id=mailing.id).update(state="finished", finished_at=ended)
    for _ in range(3):
        take_samples()
        thin_out()

    assert (today().sent, today().segments) == (0, 0)
    hours = by_hour(24)
    assert sum(hour.counts["sent"] for hour in hours) == 0


def test_the_last_sample_of_each_hour_outlives_the_thinning() -> None:
    """A mailing of two days: hours and midnights are read from what was there at their end."""
    mailing = make_running(1)
    started(mailing, 48 * 3600)
    for ago in range(40, 160):
        sample(mailing, ago, sent=1000 - ago)
    kept_before = _last_of_each_hour(mailing)
    sql.run(THIN_OUT, [[mailing.id]])
    assert Sample.objects.filter(mailing=mailing).count() < 20
    assert _last_of_each_hour(mailing) == kept_before


def _last_of_each_hour(mailing: Mailing) -> set[datetime]:
    hours: dict[datetime, datetime] = {}
    for at in Sample.objects.filter(mailing=mailing).order_by("at").values_list("at", flat=True):
        hours[at.replace(minute=0, second=0, microsecond=0)] = at
    return set(hours.values())
