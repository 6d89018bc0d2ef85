"""Periodic jobs run apart: a fault is logged once, and a frozen process stops no other process."""

import itertools
import threading
import time
from datetime import timedelta
from functools import partial

import pytest
from django.db import OperationalError, connection, connections
from django.utils import timezone

from tests.builders import make_mailing, make_running
from tests.stack.embedded_servers import wait_until
from vestnik.db import sql
from vestnik.db.advisory_lock import advisory_lock
from vestnik.dispatch.record import claims
from vestnik.dispatch.runtime import periodic_jobs
from vestnik.dispatch.runtime import scheduler as tick
from vestnik.dispatch.runtime.periodic_jobs import Job
from vestnik.dispatch.signals.metrics import counters, totals
from vestnik.mailings.models import LAUNCH, Mailing
from vestnik.outages import OutageLog


def fail() -> None:
    raise ValueError("no such thing")


def test_a_job_that_fails_is_counted_each_time_and_logged_once(caplog) -> None:
    job = Job("broken", 1.0, fail)
    before = totals().get("job_failures|broken", 0)

    for _ in range(50):
        job.attempt()
    counters().flush()

    lines = [record for record in caplog.records if "job failed: broken" in record.getMessage()]
    assert len(lines) == 1
    assert "ValueError: no such thing" in lines[0].getMessage()
    assert totals()["job_failures|broken"] - before == 50


def test_the_end_of_an_outage_is_logged(caplog) -> None:
    outage = OutageLog("the disk is full", "free some room")

    outage.worked()
    outage.failed(OSError("No space left on device"))
    outage.worked()
    outage.worked()

    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert "free some room" in said[0]
    assert "over: the disk is full" in said[1]


def test_a_fault_that_comes_and_goes_does_not_fill_the_log(caplog) -> None:
    outage = OutageLog("the disk is full")
    for _ in range(100):
        outage.failed(OSError("No space left on device"))
        outage.worked()
    assert len(caplog.records) == 2


@pytest.mark.django_db(transaction=True)
def test_a_step_that_fails_stops_no_other(monkeypatch, caplog) -> None:
    mailing = make_mailing(provider="gone")
    mailing.move(LAUNCH)
    monkeypatch.setattr(
        tick, "MAINTENANCE_STEPS", [Job("first", 1.0, fail), *tick.MAINTENANCE_STEPS]
    )

    tick.run_maintenance()

    mailing.refresh_from_db()
    assert mailing.state == "paused"
    assert "job failed: first" in caplog.text


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("steps", "run"),
    [("SCHEDULE_STEPS", tick.schedule), ("MAINTENANCE_STEPS", tick.run_maintenance)],
)
def test_whichever_step_fails_all_others_run_and_the_failure_is_counted(
    monkeypatch, steps, run
) -> None:
    names = [step.name for step in getattr(tick, steps)]
    for failing in names:
        ran: list[str] = []

        def do(name: str, failing: str = failing, ran: list[str] = ran) -> None:
            ran.append(name)
            if name == failing:
                raise ValueError("no such thing")

        made = [tick.Step(name, 1.0, partial(do, name)) for name in names]
        monkeypatch.setattr(tick, steps, made)
        counters().flush()
        before = totals().get(f"job_failures|{failing}", 0)
        run()
        counters().flush()
        assert ran == names
        assert totals()[f"job_failures|{failing}"] - before == 1


def test_a_step_is_named_after_its_job() -> None:
    """An operator tells by the name of a failed step whether mailings still start."""
    assert {step.name.partition(".")[0] for step in tick.SCHEDULE_STEPS} == {"tick"}
    assert {step.name.partition(".")[0] for step in tick.MAINTENANCE_STEPS} == {"chores"}


@pytest.mark.django_db
def test_one_wakeup_is_for_all_that_start_in_the_same_moment() -> None:
    """A late mailing has a wake-up of its own: it may be missed, which is decided for each one."""
    noon = timezone.now().replace(microsecond=0) + timedelta(seconds=60)
    made = [make_mailing(starts_in=1) for _ in range(7)]
    for mailing, ms in zip(made, [0, 10, 20, 40, 60, 90, 100], strict=True):
        Mailing.objects.filter(id=mailing.id).update(starts_at=noon + timedelta(milliseconds=ms))
    late = [make_mailing(starts_in=-10, ends_in=-1) for _ in range(3)]

    found = [mailing for mailing, _ in sql.rows(tick.DUE_SOON, [120.0])]

    assert sorted(found[:3]) == [one.id for one in late]
    assert found[3:] == [made[3].id, made[5].id, made[6].id]


def test_the_scheduler_launches_before_all_else() -> None:
    assert tick.SCHEDULE_STEPS[0].run is tick.launch_due


@pytest.mark.django_db(transaction=True)
def test_a_holder_that_is_frozen_loses_the_lock_to_the_next() -> None:
    taken, thawed = threading.Event(), threading.Event()
    ended: list[BaseException] = []

    def freeze() -> None:
        try:
            with advisory_lock(7, most_idle_seconds=0.2) as ours:
                assert ours
                taken.set()
                thawed.wait(10)
                with connection.cursor() as cursor:
                    cursor.execute("SELECT 1")
        except OperationalError as error:
            ended.append(error)
        finally:
            connections.close_all()

    holder = threading.Thread(target=freeze)
    holder.start()
    assert taken.wait(5)

    wait_until(_is_free, 5)
    thawed.set()
    holder.join(5)

    assert len(ended) == 1


def _is_free() -> bool:
    with advisory_lock(7) as ours:
        return ours


@pytest.mark.django_db(transaction=True)
def test_a_session_is_as_it_was_after_the_lock() -> None:
    with advisory_lock(7, most_idle_seconds=5), connection.cursor() as cursor:
        cursor.execute("SHOW idle_session_timeout")
        assert cursor.fetchone() == ("5s",)
    with connection.cursor() as cursor:
        cursor.execute("SHOW idle_session_timeout")
        assert cursor.fetchone() == ("0",)


def test_a_slow_job_holds_up_no_other_and_makes_up_for_nothing(monkeypatch) -> None:
    stopping, slow, quick = threading.Event(), [], []

    def dawdle() -> None:
        slow.append(time.monotonic())
        stopping.wait(0.3)

    jobs = {"slow": Job("slow", 0.01, dawdle), "quick": Job("quick", 0.01, lambda: quick.append(1))}
    monkeypatch.setattr(periodic_jobs, "jobs", jobs)
    threads = periodic_jobs.start(stopping)
    wait_until(lambda: len(slow) >= 2, 5)
    stopping.set()
    for thread in threads:
        thread.join(5)

    assert len(quick) > 2 * len(slow)
    assert min(after - before for before, after in itertools.pairwise(slow)) >= 0.3


@pytest.mark.django_db(transaction=True)
def test_a_lease_that_lies_too_far_ahead_is_shortened(caplog) -> None:
    """The database's clock is set back by a day after a worker has claimed a batch."""
    mailing = make_running()
    batch = claims.claim(mailing.provider, 10)
    assert batch is not None
    ahead = "SELECT extract(epoch FROM due_at - clock_timestamp())::float8 FROM dispatch_batch"
    tick.bound_leases()
    assert 5 < sql.value(ahead) < 10
    sql.run("UPDATE dispatch_batch SET due_at = due_at + interval '1 day'")

    tick.bound_leases()

    assert 200 < sql.value(ahead) < 400
    assert "leases shortened" in caplog.text
    assert mailing.id == batch.mailing_id
