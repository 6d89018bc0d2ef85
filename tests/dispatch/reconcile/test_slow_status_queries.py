"""Status queries to a slow vendor, or one that never answers, delay no mailing and stay bounded."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count, product
from typing import Any

import pytest
import redis
from django.db import connections

from tests.builders import counts, make_mailing, make_running
from tests.dispatch.dispatching import open_dispatcher, provider, provider_pool
from tests.dispatch.published import tasks_of_wakeups
from tests.dispatch.sent import assert_it_adds_up, record
from tests.dispatch.vendor import ALLOWED, Vendor
from tests.gateways.builders import outgoing
from tests.stack.embedded_servers import wait_until
from vestnik.dispatch.prepare import enlist, enlist_queue, launch
from vestnik.dispatch.reconcile import status_poller
from vestnik.dispatch.runtime.scheduler import run_maintenance
from vestnik.dispatch.send.provider_pool import ProviderPool
from vestnik.mailings.models import Mailing
from vestnik.providers.registry import describe

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def delay() -> float:
    return 0.05


@pytest.fixture
def deadline() -> str:
    return "10"


@pytest.fixture
def vendor(settings: Any, delay: float, deadline: str) -> Iterator[Vendor]:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.delete("vestnik:asking:vendor")
    with Vendor(delay) as standing:
        options = {"url": standing.url, "login": "x", "password": "y", "deadline": deadline}
        with provider(settings, "vendor", "smsc", **options):
            yield standing


def mailing_with_unknown(messages: int) -> Mailing:
    mailing = make_running(messages, provider="vendor")
    record(mailing, ["unknown"] * messages)
    return mailing


def another_mailing_with_unknown(messages: int) -> Mailing:
    """Create mailings to the same clients."""
    mailing = make_mailing(provider="vendor")
    assert launch.launch(mailing.id)
    while enlist.enlist_chunk(mailing.id):
        pass
    record(mailing, ["unknown"] * messages)
    return mailing


def until_asked(vendor: Vendor) -> None:
    """The number of open queries is at its limit."""
    wait_until(lambda: vendor.open >= ALLOWED, seconds=30)


def thread_of_a_worker(work: Callable[..., object], *arguments: object) -> object:
    try:
        return work(*arguments)
    finally:
        connections.close_all()


def ask(mailing: Mailing, found: ProviderPool, stopping: Callable[[], bool] = lambda: False) -> int:
    return status_poller.poll(mailing.id, found, stopping)


def ids_in_doubt(mailing: Mailing) -> list[int]:
    return list(mailing.messages.filter(state="unknown").values_list("id", flat=True))


def is_settled(mailing: Mailing) -> bool:
    return not counts(mailing).get("unknown")


@pytest.mark.parametrize(("delay", "deadline"), [(60.0, "2")])
def test_a_vendor_that_never_answers_takes_one_thread_of_all_workers(
    vendor: Vendor, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_poller, "SLICE", 60.0)
    over = threading.Event()
    mailings = [mailing_with_unknown(8), *(another_mailing_with_unknown(8) for _ in range(5))]
    other = make_mailing()
    with (
        provider(settings, "null", "null"),
        provider_pool() as one,
        provider_pool() as two,
        open_dispatcher("null") as null,
        ThreadPoolExecutor(len(mailings)) as worker,
    ):
        asked = [
            worker.submit(thread_of_a_worker, ask, mailing, found, over.is_set)
            for mailing in mailings
            for found in (one, two)
        ]
        until_asked(vendor)
        try:
            worker.submit(thread_of_a_worker, run_maintenance).result(timeout=30)
            worker.submit(thread_of_a_worker, launch.launch, other.id).result(timeout=30)
            worker.submit(thread_of_a_worker, enlist_queue.enlist, [other.id]).result(timeout=30)
            worker.submit(thread_of_a_worker, null.work).result(timeout=30)

            assert counts(other) == {"sent": 8}
            assert [each.running() for each in asked].count(True) == 1
        finally:
            over.set()
    assert vendor.most == ALLOWED
    assert {state for mailing in mailings for state in counts(mailing)} == {"unknown"}


@pytest.mark.parametrize("delay", [0.2])
def test_passes_never_overlap_and_each_goes_on_where_the_last_one_ended(
    vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_poller, "SLICE", 0.7)
    mailings = [mailing_with_unknown(20), another_mailing_with_unknown(20)]
    with provider_pool() as one, provider_pool() as two, ThreadPoolExecutor(8) as worker:
        give_up_at = time.monotonic() + 60
        while time.monotonic() < give_up_at and not all(map(is_settled, mailings)):
            for mailing, found in product(mailings, (one, two)):
                worker.submit(thread_of_a_worker, ask, mailing, found)
            time.sleep(0.2)  # the next wake-ups

    for mailing in mailings:
        assert counts(mailing) == {"sent": 20}
        assert_it_adds_up(mailing)
    assert vendor.most == ALLOWED
    assert len(vendor.asked) == len(set(vendor.asked)) == 40


@pytest.mark.parametrize(("delay", "deadline"), [(60.0, "1")])
def test_a_pass_is_over_after_its_slice_and_nobody_starves(
    vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without answers a poll has time for one group; repeated polls query all messages of all
    mailings."""
    monkeypatch.setattr(status_poller, "SLICE", 0.8)
    large, *small = (
        mailing_with_unknown(8),
        another_mailing_with_unknown(8),
        another_mailing_with_unknown(8),
    )
    with provider_pool() as found:
        for passes in range(1, 7):
            ask(large, found)
            assert len(vendor.asked) == passes * 4

    asked = [int(each.removeprefix("v")) for each in vendor.asked]
    doubts = [set(ids_in_doubt(mailing)) for mailing in (large, *small)]
    assert set(asked) == set.union(*doubts)
    assert all(doubt.intersection(asked[:12]) for doubt in doubts)


def test_the_scheduler_wakes_once_at_all_mailings_of_a_provider(vendor: Vendor) -> None:
    mailing_with_unknown(2)
    for _ in range(3):
        another_mailing_with_unknown(2)
    assert "vestnik.ask" not in tasks_of_wakeups()
    run_maintenance()
    assert tasks_of_wakeups().count("vestnik.ask") == 1


def test_a_worker_that_is_stopped_asks_no_more(vendor: Vendor) -> None:
    mailing = mailing_with_unknown(40)
    looks = count()
    with provider_pool() as found:
        assert ask(mailing, found, lambda: next(looks) >= 2) == 8
    assert len(vendor.asked) == 8


def test_a_small_mailing_does_not_wait_for_a_large_one(vendor: Vendor) -> None:
    large, small = mailing_with_unknown(200), another_mailing_with_unknown(4)
    looks = count()
    with provider_pool() as found:
        assert ask(large, found, lambda: next(looks) >= 2) == 8
    assert counts(small) == {"queued": 196, "sent": 4}
    assert counts(large) == {"sent": 4, "unknown": 196}


@pytest.mark.parametrize("delay", [60.0])
def test_messages_do_not_wait_for_questions(vendor: Vendor, settings: Any) -> None:
    """Status queries have connections of their own: with a window of one, messages still leave."""
    settings.SMS_PROVIDERS["vendor"]["OPTIONS"]["window"] = "1"
    describe.cache_clear()
    mailing = mailing_with_unknown(8)
    with provider_pool() as found, ThreadPoolExecutor(1) as worker:
        asked = worker.submit(thread_of_a_worker, ask, mailing, found)
        until_asked(vendor)
        message = outgoing(1, leave_within=10)
        handed_over = found.hand_over(describe("vendor"), [message])
        wait_until(lambda: vendor.open > ALLOWED, seconds=10)
        vendor.hurry()
        handed_over.result(timeout=30)
        assert message.departed_at is not None
        assert asked.result(timeout=30) == 8
