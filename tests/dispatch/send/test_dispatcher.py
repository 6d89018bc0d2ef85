"""A dispatcher shares the threads of its process, and publishes few wake-ups."""

from typing import Any

import pytest

from tests.builders import counts, enlist_all, make_clients, make_mailing, make_running
from tests.dispatch.dispatching import open_dispatcher, provider, provider_pool
from tests.dispatch.published import tasks_of_wakeups
from vestnik.dispatch.prepare import launch
from vestnik.dispatch.send import dispatcher
from vestnik.dispatch.send.dispatcher import DispatcherThreads
from vestnik.mailings.models import Mailing

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_rate_limited_mailing_is_looked_at_when_it_is_through_and_not_in_each_rest(
    settings: Any,
) -> None:
    mailing = make_running(100, rate_limit=50)
    before = len(tasks_of_wakeups())

    with (
        provider(settings, "null", "vestnik.providers.null.NullProvider"),
        open_dispatcher("null") as null,
    ):
        null.work()

    assert counts(mailing) == {"sent": 100}
    assert 1 <= len(tasks_of_wakeups()) - before <= 2


def several(count: int, clients: int, **fields: Any) -> list[Mailing]:
    """Create running mailings to the same clients."""
    make_clients(clients)
    mailings = [make_mailing(**fields) for _ in range(count)]
    for mailing in mailings:
        assert launch.launch(mailing.id)
        enlist_all(mailing)
    return mailings


def test_a_provider_s_rate_is_looked_at_when_a_mailing_is_through_and_not_in_each_rest(
    settings: Any,
) -> None:
    mailing = make_running(60)
    before = len(tasks_of_wakeups())

    with (
        provider(settings, "null", "vestnik.providers.null.NullProvider", max_rate="50"),
        open_dispatcher("null") as null,
    ):
        null.work()

    assert counts(mailing) == {"sent": 60}
    assert 1 <= len(tasks_of_wakeups()) - before <= 2


@pytest.mark.parametrize(
    ("count", "pace", "limit", "seconds"), [(20, "20", None, 4.0), (2, "50", 40, 3.0)]
)
def test_mailings_share_a_rate(
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    count: int,
    pace: str,
    limit: int | None,
    seconds: float,
) -> None:
    mailings = several(count, 200, rate_limit=limit)
    monkeypatch.setattr(dispatcher, "SLICE", seconds)
    with (
        provider(settings, "null", "vestnik.providers.null.NullProvider", max_rate=pace),
        open_dispatcher("null") as null,
    ):
        null.work()

    sent = [counts(mailing).get("sent", 0) for mailing in mailings]
    assert sum(sent) > count
    assert max(sent) - min(sent) <= max(2, max(sent) // 4)


def test_dispatchers_leave_a_thread_to_others_and_one_that_waits_makes_room() -> None:
    threads = DispatcherThreads(2)
    assert [threads.acquire() for _ in range(2)] == [True, True]
    assert not threads.should_yield(
        has_siblings=True, held_for=9
    )  # no dispatcher waits for a thread
    assert not threads.acquire()
    assert not threads.should_yield(has_siblings=False, held_for=0.1)
    assert threads.should_yield(has_siblings=True, held_for=0.1)
    threads.release()
    assert not threads.should_yield(has_siblings=True, held_for=9)  # one was enough
    assert threads.acquire()
    assert not threads.acquire()
    assert threads.should_yield(has_siblings=False, held_for=9)
    assert not threads.acquire()
    threads.release()
    assert threads.acquire()
    assert not threads.should_yield(has_siblings=True, held_for=9)  # the waiting dispatcher has it
    threads.resize(4)
    assert [threads.acquire() for _ in range(2)] == [True, False]


def test_a_dispatcher_without_a_thread_sends_nothing_and_keeps_no_place(settings: Any) -> None:
    mailing, threads = make_running(5), DispatcherThreads(1)
    assert threads.acquire()
    with (
        provider(settings, "null", "vestnik.providers.null.NullProvider"),
        provider_pool() as found,
    ):
        null = dispatcher.Dispatcher("null", found, lambda: False, threads)
        null.work()
        assert counts(mailing) == {"queued": 5}
        threads.release()
        null.work()
        null.finish()
    assert counts(mailing) == {"sent": 5}
