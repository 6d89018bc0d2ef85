"""A STOP and a deletion wait for nobody, and neither does who pauses a mailing that is resent."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from tests.builders import counts, make_clients, make_mailing, make_running
from tests.dispatch.sent import assert_it_adds_up, claim_of, due_ids, record
from vestnik.audience.importing.staging import FINAL_LOCK
from vestnik.audience.models import Client, StopListEntry
from vestnik.audience.stop_list import Source, put
from vestnik.db import sql
from vestnik.dispatch.models import Batch, Enlistment
from vestnik.dispatch.prepare import enlist, launch
from vestnik.dispatch.reconcile import unknown_messages
from vestnik.dispatch.record import claims
from vestnik.dispatch.record.outcome_batch import Settled
from vestnik.dispatch.record.recorder import record_and_mark
from vestnik.dispatch.suppress import opt_out, revocation
from vestnik.mailings.models import CANCEL, Mailing

pytestmark = pytest.mark.django_db(transaction=True)

FIRST, SECOND = "79000000000", "79000000001"
LEASE = 30.0


@contextmanager
def another() -> Iterator[Any]:
    """Somebody else's transaction, which ends with the block."""
    other = connection.copy()
    other.set_autocommit(False)
    try:
        with other.cursor() as cursor:
            yield cursor
    finally:
        other.rollback()
        with other.cursor() as cursor:  # a connection goes back to the pool with its locks
            cursor.execute("SELECT pg_advisory_unlock_all()")
        other.close()


def stop_first() -> object:
    return opt_out.stop([FIRST], Source.INBOUND)


def delete_first() -> object:
    return revocation.delete_client(Client.objects.get(phone_number=FIRST).id)


def is_out(act: Callable[[], object]) -> bool:
    """Whether the number is on the list, or its client gone."""
    if act is stop_first:
        return StopListEntry.objects.filter(phone_number=FIRST).exists()
    return not Client.objects.filter(phone_number=FIRST).exists()


def may_leave(mailing: Mailing) -> bool:
    claim = claim_of(mailing)
    mark = record_and_mark(claim, Settled(), due_ids(claim), claims.new_id(), LEASE)
    return mark is not None


@pytest.mark.parametrize("act", [stop_first, delete_first])
def test_the_chunk_that_is_being_enlisted_is_not_waited_for(act: Callable[[], object]) -> None:
    """What it makes for them afterwards, by what it has read before, does not leave."""
    make_clients(3)
    mailing = make_mailing()
    launch.launch_when_due(mailing.id)
    made, released = threading.Event(), threading.Event()

    def enlist_slowly() -> None:
        with transaction.atomic():
            enlist.enlist_chunk(mailing.id)
            made.set()
            released.wait(30)
        connection.close()

    chunk = threading.Thread(target=enlist_slowly)
    chunk.start()
    assert made.wait(30)
    act()  # else it would wait for ever
    assert is_out(act)
    assert not Batch.objects.exists()
    released.set()
    chunk.join(30)

    assert not may_leave(mailing)
    assert counts(mailing) == {
        "queued": 2,
        "suppressed" if act is stop_first else "cancelled": 1,
    }
    assert_it_adds_up(mailing)


@pytest.mark.parametrize("act", [stop_first, delete_first])
def test_whoever_holds_a_batch_is_waited_for_only_for_a_moment(
    act: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revocation, "LONGEST_WAIT", 0.2)
    mailing = make_running(3)
    with another() as holder:
        holder.execute("SELECT FROM dispatch_batch FOR UPDATE")
        act()
        assert is_out(act)
        assert counts(mailing) == {"queued": 3}

    assert not may_leave(mailing)
    assert counts(mailing)["queued"] == 2


def test_the_limit_of_a_wait_is_not_left_behind() -> None:
    def limit() -> object:
        return sql.value("SELECT current_setting('lock_timeout')")

    with transaction.atomic():
        before = limit()
        with sql.waiting_at_most(1.0):
            assert limit() == "1s"
        assert limit() == before


def cursor_of(mailing: Mailing) -> int | None:
    return Enlistment.objects.get(mailing=mailing).stop_list_cursor


@pytest.mark.parametrize("few", [1, 100])
def test_what_came_onto_the_list_is_taken_back_once_and_the_cursor_goes_on(
    few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few are looked up one by one, and for many each batch is asked."""
    monkeypatch.setattr(opt_out, "FEW_ENTRIES", few)
    monkeypatch.setattr(enlist, "BATCH_SIZE", 3)
    mailing, other = make_running(8), make_mailing()
    put([f"7900000{n:04}" for n in range(2, 6)], Source.IMPORT)

    opt_out.sweep()

    assert counts(mailing) == {"queued": 4, "suppressed": 4}
    assert cursor_of(mailing) == StopListEntry.objects.latest("id").id
    assert not Enlistment.objects.filter(mailing=other).exists()
    assert_it_adds_up(mailing)

    put([FIRST], Source.IMPORT)
    opt_out.sweep()
    assert counts(mailing) == {"queued": 3, "suppressed": 5}
    assert opt_out._behind() == []


def test_no_sweep_passes_what_an_import_is_still_writing() -> None:
    mailing = make_running(2)
    with another() as importing:
        importing.execute("SELECT pg_advisory_xact_lock(%s)", [FINAL_LOCK])
        put([FIRST], Source.API)
        opt_out.sweep()
        assert cursor_of(mailing) is None
    opt_out.sweep()
    assert cursor_of(mailing) is not None
    assert counts(mailing) == {"queued": 1, "suppressed": 1}


def test_one_sweep_at_a_time() -> None:
    make_running(2)
    put([FIRST], Source.IMPORT)
    with another() as sweeping:
        sweeping.execute("SELECT pg_advisory_lock(%s)", [opt_out.SWEEP_LOCK])
        opt_out.sweep()
        assert opt_out._behind()


@pytest.fixture
def doubtful(monkeypatch: pytest.MonkeyPatch) -> Mailing:
    """Ten messages in doubt, in five batches, of which two are settled at once."""
    monkeypatch.setattr(enlist, "BATCH_SIZE", 2)
    monkeypatch.setattr(unknown_messages, "BATCHES_AT_ONCE", 2)
    mailing = make_running(10, starts_in=-10)
    for _ in range(5):
        record(mailing, ["unknown", "unknown"])
    assert Batch.objects.filter(mailing=mailing, unknown=2).count() == 5
    return mailing


@pytest.mark.parametrize(
    ("settle", "becomes"),
    [(unknown_messages.resend, "queued"), (unknown_messages.give_up, "failed")],
)
def test_all_are_settled_slice_by_slice(
    doubtful: Mailing, settle: Callable[..., int], becomes: str
) -> None:
    assert settle(doubtful, actor="test") == 10
    assert counts(doubtful) == {becomes: 10}
    assert doubtful.events.latest("id").reason == "10 unknown messages"
    assert_it_adds_up(doubtful)


@pytest.mark.parametrize("settle", [unknown_messages.resend, unknown_messages.give_up])
def test_no_slice_goes_beyond_what_was_agreed_to(
    doubtful: Mailing, settle: Callable[..., int]
) -> None:
    assert settle(doubtful, actor="test", most=7) == 4
    assert counts(doubtful)["unknown"] == 6


def test_what_may_not_be_sent_again_is_not_in_the_way_of_others(
    doubtful: Mailing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In each of the first batches, as many as one tick looks at, somebody is stopped."""
    monkeypatch.setattr(unknown_messages, "BATCHES_AT_ONCE", 1)
    monkeypatch.setattr(unknown_messages, "MOST_SLICES_A_TICK", 1)
    put([f"7900000{n:04}" for n in range(8)], Source.API)

    unknown_messages.resend_by_themselves(["null"])

    assert counts(doubtful) == {"queued": 2, "unknown": 8}


def test_a_cancel_between_two_slices_ends_it(
    doubtful: Mailing, monkeypatch: pytest.MonkeyPatch
) -> None:
    slices = []
    settled = unknown_messages._settle

    def settle(*args: Any, **given: Any) -> int:
        """And then somebody cancels, for whom the next slice is another transaction."""
        slices.append(settled(*args, **given))
        transaction.on_commit(lambda: doubtful.obey(CANCEL, actor="test"))
        return slices[-1]

    monkeypatch.setattr(unknown_messages, "_settle", settle)

    assert unknown_messages.resend(doubtful, actor="test") == 4
    assert slices == [4]
    assert counts(doubtful)["unknown"] == 6


def test_who_pauses_waits_for_a_slice_and_not_for_all(
    doubtful: Mailing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two slices nothing of the mailing is locked."""
    free = []
    next_batches = sql.rows

    def rows(statement: str, given: Any = ()) -> Any:
        if statement == unknown_messages.NEXT_BATCHES:
            with another() as pausing:
                try:
                    pausing.execute("SELECT FROM mailings_mailing FOR UPDATE NOWAIT")
                    pausing.execute("SELECT FROM dispatch_batch FOR UPDATE NOWAIT")
                    free.append(True)
                except OperationalError:
                    free.append(False)
        return next_batches(statement, given)

    monkeypatch.setattr(sql, "rows", rows)

    assert unknown_messages.resend(doubtful, actor="test") == 10
    assert free == [True] * 4
