"""Heartbeats of workers and of the scheduler, and overdue mailings."""

from typing import Any

import pytest
import redis
from django.conf import settings
from django.test import Client

from tests.api.caller import Caller
from tests.builders import make_mailing, make_running
from tests.dashboard.visiting import make_user, visitor
from vestnik.dispatch.runtime.scheduler import schedule
from vestnik.dispatch.signals import heartbeat

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nobody_seen() -> None:
    redis.Redis.from_url(settings.REDIS_URL).flushdb()


def test_workers_and_the_scheduler_are_seen_by_their_signs() -> None:
    assert heartbeat.read_status() == heartbeat.ProcessStatus(0, None, 0, 0.0)

    heartbeat.note_worker("one@host")
    heartbeat.note_worker("one@host")
    heartbeat.note_worker("two@host")
    schedule()

    seen = heartbeat.read_status()
    assert seen.workers == 2
    assert seen.scheduler_age is not None
    assert 0 <= seen.scheduler_age < 60


def test_a_mailing_that_nobody_starts_is_said_everywhere() -> None:
    mailing = make_mailing(starts_in=-60.0)
    make_mailing(starts_in=3600.0, ends_in=7200.0)

    pipeline = Client().get("/readyz").json()["pipeline"]
    page = visitor(make_user("viewer", "viewer")).get("/").content.decode()

    assert abs(pipeline.pop("clock_skew_seconds")) < 1
    assert pipeline.pop("oldest_due_seconds") == pytest.approx(60, abs=5)
    assert pipeline == {"workers": 0, "scheduler_age_seconds": None, "overdue_mailings": 1}
    assert "1 mailing is due and does not start" in page
    assert mailing.state == "scheduled"

    heartbeat.note_worker("one@host")
    page = visitor(make_user("operator", "operator")).get("/").content.decode()
    assert "does not start" not in page


def test_a_broker_that_does_not_answer_is_not_taken_for_missing_workers(
    settings: Any,
) -> None:
    make_mailing(starts_in=-60.0)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    page = visitor(make_user("viewer", "viewer")).get("/").content.decode()
    assert "1 mailing is due and does not start, and the message broker (Redis)" in page
    assert "no worker process" not in page


def test_a_running_mailing_without_a_worker_is_said() -> None:
    make_running(3)
    page = visitor(make_user("viewer", "viewer")).get("/").content.decode()
    assert "No worker process is running" in page

    heartbeat.note_worker("one@host")
    page = visitor(make_user("operator", "operator")).get("/").content.decode()
    assert "No worker process is running" not in page


def test_metrics_have_them(admin_metrics: str) -> None:
    assert "vestnik_overdue_mailings 0.0" in admin_metrics
    assert 'vestnik_oldest_due_seconds{provider="console"} 0.0' in admin_metrics
    assert "vestnik_workers 1.0" in admin_metrics
    assert "vestnik_scheduler_age_seconds " in admin_metrics


@pytest.fixture
def admin_metrics() -> str:
    heartbeat.note_worker("one@host")
    heartbeat.note_scheduler()
    return str(Caller("viewer").get("/metrics").content.decode())
