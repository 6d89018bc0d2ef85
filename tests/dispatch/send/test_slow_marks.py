"""With slow marks messages leave nevertheless, or the reason is reported."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from tests.builders import counts, make_running
from tests.dispatch.dispatching import open_dispatcher, provider
from tests.dispatch.sent import assert_it_adds_up
from vestnik.api.mailings.views import serialize
from vestnik.db import redis_client, sql
from vestnik.dispatch.send import batch_recorder, dispatcher
from vestnik.dispatch.send.slow_marks import MarkWatch
from vestnik.dispatch.signals import heartbeat, wakeups
from vestnik.mailings.models import PAUSE
from vestnik.reports.mailing import held
from vestnik.reports.mailing.snapshot import snapshot_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def slow_marks() -> Iterator[None]:
    """Make each mark take longer than a flight may."""
    sql.run(
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_sleep(0.9); RETURN NEW; END $$"
    )
    sql.run(
        "CREATE TRIGGER dawdle BEFORE UPDATE ON dispatch_batch FOR EACH ROW "
        "WHEN (cardinality(NEW.in_flight) > 0) EXECUTE FUNCTION dawdle()"
    )
    yield
    sql.run("DROP FUNCTION IF EXISTS dawdle CASCADE")
    redis_client.client().delete(heartbeat.SLOW_MARKS)


@pytest.fixture(autouse=True)
def null(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(wakeups, "publish", lambda *_, **__: None)
    with provider(settings, "null", "vestnik.providers.null.NullProvider"):
        yield


@pytest.mark.usefixtures("slow_marks")
def test_messages_leave_though_their_mark_took_long() -> None:
    mailing = make_running(5)
    with open_dispatcher("null") as null:
        null.work()
    assert counts(mailing) == {"sent": 5}
    assert_it_adds_up(mailing)


@pytest.mark.usefixtures("slow_marks")
def test_what_was_paused_during_a_slow_mark_does_not_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    mailing, ask = make_running(5), batch_recorder.seconds_to_end

    def paused_meanwhile(*given: Any, **more: Any) -> float | None:
        if mailing.state == "running":
            mailing.apply(PAUSE, actor="test")
        return ask(*given, **more)

    monkeypatch.setattr(batch_recorder, "seconds_to_end", paused_meanwhile)
    with open_dispatcher("null") as null:
        null.work()
    assert counts(mailing) == {"queued": 5}
    assert_it_adds_up(mailing)


@pytest.mark.usefixtures("slow_marks")
def test_where_nothing_can_leave_in_time_it_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, client: Client
) -> None:
    mailing = make_running(5)
    monkeypatch.setattr(batch_recorder, "FLIGHT_SECONDS", 0.0)
    monkeypatch.setattr(dispatcher, "SLICE", 1.0)
    monkeypatch.setattr(held, "slow_marks", held.CachedSlowMarks())
    monkeypatch.setattr(held, "is_answering", lambda _: False)
    with open_dispatcher("null") as null:
        null.work()

    assert counts(mailing) == {"queued": 5}
    assert "marking messages takes so long" in caplog.text
    assert "marking messages takes" in client.get("/readyz").json()["warnings"][0]
    assert "marking messages takes" in str(serialize(mailing)[0]["held"])
    seen = snapshot_of(mailing.id)
    assert seen is not None
    assert "marking messages takes" in seen.held

    # A provider that answers some worker is not reported as held, however slow one worker's marks
    # are.
    monkeypatch.setattr(held, "is_answering", lambda _: True)
    assert not serialize(mailing)[0]["held"]


def test_flights_are_smaller_until_something_leaves_in_time_again() -> None:
    watch, most = MarkWatch(100), []
    for missed in (100, 50, 1):
        watch.record_missed(1.0, missed)
        most.append(watch.flight_limit)
    for _ in range(8):
        watch.record_fast()
        most.append(watch.flight_limit)
    redis_client.client().delete(heartbeat.SLOW_MARKS)
    assert most == [50, 25, 1, 2, 4, 8, 16, 32, 64, 100, 100]
