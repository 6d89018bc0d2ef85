"""Many mailings that start together are enlisted in turn, by two threads."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import connections, transaction

from tests.builders import from_now, make_clients, make_mailing
from tests.stack.embedded_servers import wait_until
from vestnik.audience.models import Client
from vestnik.db import sql
from vestnik.dispatch.models import AudienceSlice
from vestnik.dispatch.prepare import enlist, enlist_queue, launch
from vestnik.dispatch.prepare.enlist_queue import EnlistQueue
from vestnik.dispatch.runtime import tasks
from vestnik.mailings.models import Mailing


class Away(Exception):
    """Raise the error of an absent database."""


def never() -> bool:
    return False


def test_each_gets_a_chunk_in_turn() -> None:
    queue, chunks = EnlistQueue(), {1: 3, 2: 1, 3: 2}
    order: list[int] = []

    def step(mailing: int) -> bool:
        order.append(mailing)
        chunks[mailing] -= 1
        return chunks[mailing] > 0

    for mailing in (1, 2, 2, 3):
        queue.add(mailing)
    queue.work(step, never)

    assert order == [1, 2, 3, 1, 3, 1]


def test_one_that_joins_a_long_queue_has_its_turn_soon_and_the_oldest_does_not_starve() -> None:
    queue, order = EnlistQueue(newest_too=True), []

    def step(mailing: int) -> bool:
        order.append(mailing)
        if len(order) <= 3:
            queue.add(100 + len(order))
        return False

    for mailing in range(6):
        queue.add(mailing)
    queue.work(step, never)

    assert order == [0, 101, 1, 103, 2, 102, 3, 5, 4]


@contextmanager
def threads(count: int, queue: EnlistQueue, step: object) -> Iterator[list[threading.Thread]]:
    made = [threading.Thread(target=queue.work, args=[step, never]) for _ in range(count)]
    for thread in made:
        thread.start()
    yield made
    for thread in made:
        thread.join(10)


def test_as_many_as_are_allowed_enlist_at_once_and_no_other_thread_waits() -> None:
    queue, may_end, entered = EnlistQueue(2), threading.Event(), threading.Semaphore(0)
    done: list[int] = []

    def step(mailing: int) -> bool:
        entered.release()
        assert may_end.wait(10)
        done.append(mailing)
        return False

    for mailing in range(16):
        queue.add(mailing)
    with threads(2, queue, step) as is_acquired:
        for _ in is_acquired:
            assert entered.acquire(timeout=10)
        queue.work(step, never)  # returns at once
        assert not done
        may_end.set()
    assert sorted(done) == [*range(16)]


def test_a_step_that_fails_takes_nothing_from_the_others() -> None:
    queue, done = EnlistQueue(), []

    def step(mailing: int) -> bool:
        if mailing == 1:
            raise Away
        done.append(mailing)
        return False

    queue.add(1)
    queue.add(2)
    with pytest.raises(Away):
        queue.work(step, never)
    queue.work(step, never)
    assert done == [2]
    queue.add(1)  # the scheduler finds it again
    with pytest.raises(Away):
        queue.work(step, never)


def test_what_is_being_stopped_takes_no_further_step() -> None:
    queue = EnlistQueue()
    queue.add(1)
    queue.work(lambda _: pytest.fail("a step was done"), lambda: True)

    steps: list[int] = []
    queue.work(lambda one: bool(steps.append(one)), never)
    assert steps == [1]


def launch_now(mailing: Mailing) -> None:
    become_due(mailing)
    assert launch.launch(mailing.id)


def launched(**fields: object) -> Mailing:
    mailing = make_mailing(**fields)
    assert launch.launch(mailing.id)
    return mailing


@pytest.mark.django_db(transaction=True)
def test_a_mailing_to_few_waits_for_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is a list of its clients kept: one statement makes all of its messages."""
    ids = make_clients(2000)
    large = launched()
    small = launched(filter={"attributes": {"n": {"present": True}}})
    one = Mailing.objects.get(id=small.id)
    Client.objects.filter(id=ids[5]).update(attributes={"n": 1})
    busy = EnlistQueue(0)
    monkeypatch.setattr(enlist_queue, "queue", busy)

    enlist_queue.enlist([large.id])
    enlist_queue.enlist([small.id])

    one.refresh_from_db()
    assert one.enlisted_at is not None
    assert one.messages.count() == 1
    assert not large.messages.exists()
    assert not AudienceSlice.objects.exists()
    monkeypatch.setattr(enlist_queue, "queue", EnlistQueue())
    enlist_queue.enlist([large.id])
    assert large.messages.count() == 2000


@pytest.mark.django_db(transaction=True)
def test_small_ones_are_enlisted_before_a_large_one_that_is_launched_with_them() -> None:
    ids = make_clients(2000)
    Client.objects.filter(id=ids[5]).update(attributes={"n": 1})
    large = make_mailing()
    small = [make_mailing(filter={"attributes": {"n": {"present": True}}}) for _ in range(3)]

    launched = launch.launch_when_due(large.id)
    enlist_queue.enlist(launched)

    assert sorted(launched) == sorted(one.id for one in (large, *small))
    at = dict(Mailing.objects.values_list("id", "enlisted_at"))
    assert max(at[one.id] for one in small) < at[large.id]
    assert [one.messages.count() for one in (large, *small)] == [2000, 1, 1, 1]


@pytest.mark.django_db(transaction=True)
def test_a_task_enlists_all_that_wait() -> None:
    """The task enlists its own mailing first, and nothing if that one was enlisted meanwhile."""
    make_clients(3)
    mailings = [launched() for _ in range(4)]
    ids = [one.id for one in mailings]

    found = enlist_queue.to_enlist_from(ids[2])
    enlist_queue.enlist(found)

    assert found == [ids[2], ids[3], ids[0], ids[1]]
    assert [one.messages.count() for one in mailings] == [3, 3, 3, 3]
    assert enlist_queue.to_enlist_from(ids[2]) == []


WAITING_INSERTS = """
SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'dispatch_message'::regclass
"""


def become_due(mailing: Mailing) -> None:
    Mailing.objects.filter(id=mailing.id).update(starts_at=from_now(-1))


@pytest.mark.parametrize("prepare", [launch_now, become_due])
@pytest.mark.django_db(transaction=True)
def test_small_mailings_never_take_all_threads_of_a_process(
    prepare: Callable[[Mailing], object],
) -> None:
    """Two threads enlist all that wait. A further task leaves its mailing to them, whether it was
    launched before or the task launches it."""
    make_clients(3)
    mailings = [make_mailing(starts_in=3600, ends_in=7200) for _ in range(6)]

    def look_at(mailing: Mailing) -> None:
        tasks.look_at(mailing.id)
        connections.close_all()

    def prepare_and_look_at(mailing: Mailing) -> None:
        prepare(mailing)
        look_at(mailing)

    # Before the threads: each task launches all that are due, so also the mailing of the other one.
    for one in mailings[:2]:
        prepare(one)
    sweeping = [threading.Thread(target=look_at, args=[one]) for one in mailings[:2]]
    with transaction.atomic():
        sql.run("LOCK TABLE dispatch_message IN SHARE MODE")
        for thread in sweeping:
            thread.start()
        wait_until(lambda: sql.value(WAITING_INSERTS) == 2, 10)
        for one in mailings[2:]:
            thread = threading.Thread(target=prepare_and_look_at, args=[one])
            thread.start()
            thread.join(10)
            assert not thread.is_alive()
    for thread in sweeping:
        thread.join(10)

    assert [one.messages.count() for one in mailings] == [3] * 6


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Let one thread of the process enlist."""
    before = enlist_queue.threads.free
    enlist_queue.threads.resize(1)
    yield
    enlist_queue.threads.resize(before)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("one_thread")
def test_small_and_large_ones_together_take_no_more_threads_than_may_enlist() -> None:
    """The thread takes those that join meanwhile before it goes on with the large one."""
    ids = make_clients(2500)
    Client.objects.filter(id=ids[5]).update(attributes={"n": 1})
    few = {"attributes": {"n": {"present": True}}}
    large, *others = [launched(), launched(), *(launched(filter=few) for _ in range(3))]

    def work() -> None:
        enlist_queue.enlist([large.id])
        connections.close_all()

    enlisting = threading.Thread(target=work)
    with transaction.atomic():
        sql.run("LOCK TABLE dispatch_message IN SHARE MODE")
        enlisting.start()
        wait_until(lambda: sql.value(WAITING_INSERTS) == 1, 10)
        for one in others:
            enlist_queue.enlist([one.id])  # returns at once
    enlisting.join(30)

    assert [one.messages.count() for one in (large, *others)] == [2500, 2500, 1, 1, 1]
    at = dict(Mailing.objects.values_list("id", "enlisted_at"))
    assert max(at[one.id] for one in others[1:]) < min(at[large.id], at[others[0].id])


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("one_thread")
def test_a_large_one_does_not_wait_for_all_small_ones() -> None:
    ids = make_clients(1200)
    Client.objects.filter(id=ids[5]).update(attributes={"n": 1})
    few = {"attributes": {"n": {"present": True}}}
    large, *small = [launched(), *(launched(filter=few) for _ in range(30))]

    enlist_queue.enlist([one.id for one in (large, *small)])

    at = dict(Mailing.objects.values_list("id", "enlisted_at"))
    assert sum(at[one.id] > at[large.id] for one in small) >= 5


@pytest.mark.django_db(transaction=True)
def test_few_that_have_become_many_are_kept_before_they_are_enlisted() -> None:
    make_clients(1500)
    mailing = launched(filter={"operator_codes": ["900"]})

    assert enlist.enlist_few(mailing.id)
    assert not mailing.messages.exists()
    enlist_queue.enlist([mailing.id])

    assert mailing.messages.count() == 1500
