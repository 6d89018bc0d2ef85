"""A worker kills itself if it no longer consumes, and not while it is busy."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from celery.utils.nodenames import worker_direct
from celery.worker.state import active_requests
from django.conf import settings

from vestnik.dispatch.runtime.consumer_watchdog import (
    MOST_UNANSWERED_HEARTBEATS,
    ConsumerWatchdog,
)
from vestnik.dispatch.runtime.worker_process import WorkerProcess

HOST = "watched@host"
THREADS = 2
MANY = 5 * MOST_UNANSWERED_HEARTBEATS


class Task:
    """A request that a thread works on."""


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, int]]]:
    """Record signals instead of sending them; heartbeats go to a queue without a consumer."""
    found: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *given: found.append(given))
    yield found
    with redis.Redis.from_url(settings.REDIS_URL) as broker:
        broker.delete(worker_direct(HOST).name)


@pytest.fixture
def busy() -> Iterator[list[Task]]:
    """Each thread has a task."""
    tasks = [Task() for _ in range(THREADS)]
    for task in tasks:
        active_requests.add(task)
    yield tasks
    active_requests.clear()


def test_a_worker_that_no_longer_consumes_ends_itself(
    killed: list[tuple[int, int]], caplog: pytest.LogCaptureFixture
) -> None:
    watchdog = ConsumerWatchdog(HOST, THREADS)

    for _ in range(MOST_UNANSWERED_HEARTBEATS):
        watchdog.check()
    assert killed == []
    watchdog.check()

    assert killed == [(os.getpid(), signal.SIGKILL)]
    assert "worker no longer consumes" in caplog.text


def test_one_that_consumes_goes_on(killed: list[tuple[int, int]]) -> None:
    worker = WorkerProcess()
    worker.watchdog = watchdog = ConsumerWatchdog(HOST, THREADS)

    for _ in range(MANY):
        watchdog.check()
        worker.note_task()

    assert killed == []


def test_one_that_is_busy_goes_on_and_says_so(
    killed: list[tuple[int, int]], busy: list[Task], caplog: pytest.LogCaptureFixture
) -> None:
    watchdog = ConsumerWatchdog(HOST, THREADS)

    for _ in range(MANY):
        watchdog.check()

    assert killed == []
    lines = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    said = [line for line in lines if line["event"] == "all threads of the worker are busy"]
    assert [line["seconds"] for line in said] == [60.0, 120.0, 180.0, 240.0, 300.0]

    active_requests.discard(busy.pop())
    for _ in range(MOST_UNANSWERED_HEARTBEATS):
        watchdog.check()
    assert killed == []
    watchdog.check()
    assert len(killed) == 1


def test_heartbeats_that_could_not_be_sent_are_not_counted(
    killed: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: Any, **more: Any) -> None:
        raise ConnectionError

    watchdog = ConsumerWatchdog(HOST, THREADS)
    monkeypatch.setattr("celery.app.base.Celery.send_task", refuse)

    for _ in range(MANY):
        watchdog.check()

    assert killed == []
