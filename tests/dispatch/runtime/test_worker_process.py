"""A worker process is one object: it closes what it opens, and two of them share nothing."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.builders import counts, make_running
from tests.dispatch.dispatching import provider
from tests.dispatch.sent import assert_it_adds_up
from vestnik.dispatch.runtime.worker_process import WorkerProcess, enlist_share_of, this_worker
from vestnik.dispatch.send.dispatcher import share_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def null(settings: Any) -> Iterator[None]:
    with provider(settings, "null", "vestnik.providers.null.NullProvider"):
        yield


def test_what_a_worker_has_is_created_once() -> None:
    worker = WorkerProcess()
    try:
        assert worker.dispatcher("null") is worker.dispatcher("null")
        assert worker.provider_pool is worker.provider_pool
    finally:
        worker.close()


def test_a_worker_that_stops_sends_nothing_more_and_stops_no_other() -> None:
    mailing = make_running(3)
    stopped, other = WorkerProcess(), WorkerProcess()
    try:
        stopped.stop()
        stopped.dispatcher("null").work()
        assert counts(mailing) == {"queued": 3}

        other.dispatcher("null").work()
        assert counts(mailing) == {"sent": 3}
        assert_it_adds_up(mailing)
    finally:
        stopped.close()
        other.close()


def test_a_process_has_one() -> None:
    assert this_worker() is this_worker()
    assert not this_worker().is_stopping()


@pytest.mark.parametrize("threads", [5, 6, 8, 12, 16, 64])
def test_dispatchers_and_enlisting_together_leave_a_thread_to_other_tasks(threads: int) -> None:
    assert 1 <= enlist_share_of(threads) < threads - share_of(threads)


@pytest.mark.parametrize("threads", [1, 2, 3, 4])
def test_in_a_small_process_one_thread_enlists(threads: int) -> None:
    assert enlist_share_of(threads) == 1
