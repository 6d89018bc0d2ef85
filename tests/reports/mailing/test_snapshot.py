"""How a mailing goes at this moment, and what comes of it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.builders import make_mailing, make_running
from tests.dispatch.sent import record
from tests.reports.sampled import sample, started
from vestnik.dispatch.read.progress import progress_of
from vestnik.mailings.models import CANCEL, PAUSE, Mailing
from vestnik.reports.mailing.snapshot import Snapshot, snapshot_of, snapshots

pytestmark = pytest.mark.django_db


def seen(mailing: Mailing) -> Snapshot:
    found = snapshot_of(mailing.id)
    assert found
    return found


def going(left: int, rate: float | None, seconds: float) -> Snapshot:
    """A mailing of 1,000 of which so many are left, so many seconds before its end."""
    mailing = make_running(1)
    found = seen(mailing)
    counts = dict.fromkeys(found.progress, 0) | {"sent": 1000 - left, "queued": left}
    ends_at = found.now + timedelta(seconds=seconds)
    return replace(found, progress=counts | {"matched": 1000}, rate=rate, ends_at=ends_at)


def test_any_number_of_mailings_is_one_query(django_assert_num_queries: Any) -> None:
    running, waiting = make_running(3), make_mailing(starts_in=60)
    record(running, ["sent", "failed", "unknown"])

    with django_assert_num_queries(1):
        found = {one.id: one for one in snapshots(Mailing.objects.all())}

    assert found[running.id].progress == progress_of([running.id])[running.id]
    assert found[waiting.id].progress["matched"] == 0


def test_it_is_of_the_instant_at_which_it_was_asked_for() -> None:
    # Of one look, all of one instant: none is said to be of after the look.
    for _ in range(5):
        make_mailing(starts_in=60)

    assert len({one.now for one in snapshots(Mailing.objects.all())}) == 1


@pytest.mark.parametrize("order", [PAUSE, CANCEL])
def test_counts_read_as_everywhere(order: Any) -> None:
    mailing = make_running(3)
    mailing.apply(order, actor="test")

    assert seen(mailing).progress == progress_of([mailing.id])[mailing.id]
    assert seen(mailing).rate is None


def test_a_mailing_that_there_is_not_is_none() -> None:
    assert snapshot_of(4711) is None


def test_the_rate_is_against_what_was_ten_seconds_ago() -> None:
    mailing = make_running(3)
    record(mailing, ["sent", "sent", "failed"])
    started(mailing, ago=100)
    sample(mailing, ago=60, queued=3)
    sample(mailing, ago=10, queued=2, sent=1)
    sample(mailing, ago=1, failed=3)

    assert seen(mailing).rate == pytest.approx(0.2, abs=0.01)


def test_the_first_seconds_count_from_the_launch() -> None:
    mailing = make_running(100)
    record(mailing, ["sent"] * 100)
    started(mailing, ago=5)
    sample(mailing, ago=1, sent=80, queued=20)

    assert seen(mailing).rate == pytest.approx(20, abs=1)


def test_a_clock_that_was_set_back_makes_no_negative_rate() -> None:
    mailing = make_running(1)
    started(mailing, ago=-40)
    mailing.batches.update(size=200, sent=100, queued=100)
    assert seen(mailing).rate == 0.0


def test_it_is_through_in_time() -> None:
    found = going(left=400, rate=4, seconds=300)

    assert (found.settled, found.left) == (600, 400)
    assert found.seconds_left == 100
    assert found.spare == pytest.approx(200)
    assert found.will_stay == 0


def test_it_is_not_through_in_time() -> None:
    found = going(left=990, rate=1.1, seconds=300)

    assert found.will_stay == 660  # 990 - 330


@pytest.mark.parametrize(
    ("changes"),
    [{"rate": None}, {"rate": 0.0}, {"has_hours": True}, {"is_enlisted": False}],
)
def test_nothing_is_promised_that_is_not_known(changes: dict[str, Any]) -> None:
    found = replace(going(left=400, rate=4, seconds=300), **changes)

    assert found.seconds_left is None
    assert found.spare is None
    assert found.will_stay == 0


def test_it_waits_for_the_hours_of_its_clients() -> None:
    found = replace(going(left=400, rate=0.0, seconds=300), has_hours=True)

    assert found.waits_for_hours
    assert not replace(found, rate=2.0).waits_for_hours


@pytest.mark.parametrize(("resumed", "rate"), [(None, 100 / 70), (2.0, 50.0), (30.0, 100 / 30)])
def test_a_pause_is_no_slowness(resumed: float | None, rate: float) -> None:
    mailing = make_running(1)
    started(mailing, 500)
    sample(mailing, ago=70, sent=100)
    progress = {"sent": 200, "queued": 0}
    if resumed:
        mailing.record_event("resume", actor="test")
        mailing.events.filter(event="resume").update(at=timezone.now() - timedelta(seconds=resumed))
    mailing.batches.update(size=200, **progress)
    assert seen(mailing).rate == pytest.approx(rate, rel=0.1)
