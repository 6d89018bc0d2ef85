"""A STOP, a deletion, and the pause of a mailing that is being resent wait for no other
transaction."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models import Model

from tests.builders import counts, make_clients, make_mailing, make_running
from tests.dispatch.sent import assert_it_adds_up, claim_of, due_ids, mark_in_flight, record
from tests.stack.embedded_servers import wait_until
from vestnik.api.providers.repeated_callbacks import record_new_inbound
from vestnik.audience import stop_list
from vestnik.audience.models import Client, StopListEntry
from vestnik.audience.stop_list import Source, put
from vestnik.db import sql
from vestnik.db.lock_ids import STOP_LIST_SWEEP_LOCK
from vestnik.dispatch.models import Batch, DeletedClient, EnlistmentCursor, PendingStop
from vestnik.dispatch.prepare import enlist, launch
from vestnik.dispatch.reconcile import unknown_messages
from vestnik.dispatch.record import claims
from vestnik.dispatch.record.recorder import OutcomeBatch, record_and_mark, record_and_release
from vestnik.dispatch.runtime.scheduler import run_maintenance
from vestnik.dispatch.suppress import opt_out, revocation
from vestnik.mailings.models import CANCEL, PAUSE, Mailing
from vestnik.providers.base import Inbound

pytestmark = pytest.mark.django_db(transaction=True)

FIRST, SECOND = "79000000000", "79000000001"
LEASE = 30.0


@contextmanager
def another() -> Iterator[Any]:
    """Another session's transaction, which ends with the block."""
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
    return opt_out.stop_numbers([FIRST], Source.INBOUND)


def delete_first() -> object:
    return revocation.delete_client(Client.objects.get(phone_number=FIRST).id)


def is_out(act: Callable[[], object]) -> bool:
    """Return whether the number is on the stop list, or its client deleted."""
    if act is stop_first:
        return StopListEntry.objects.filter(phone_number=FIRST).exists()
    return not Client.objects.filter(phone_number=FIRST).exists()


def may_leave(mailing: Mailing) -> bool:
    claim = claim_of(mailing)
    mark = record_and_mark(claim, OutcomeBatch(), due_ids(claim), claims.new_id(), LEASE)
    return mark is not None


@pytest.mark.parametrize("act", [stop_first, delete_first])
def test_the_chunk_that_is_being_enlisted_is_not_waited_for(act: Callable[[], object]) -> None:
    """A chunk that read the client before creates a message afterwards, and it does not leave."""
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
    act()  # otherwise it would wait forever
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


@pytest.mark.parametrize(
    ("holds", "shows"),
    [("SELECT FROM dispatch_batch FOR UPDATE", StopListEntry), (stop_list.PUT, PendingStop)],
)
def test_a_stop_that_is_told_in_a_callback_takes_hold_before_anybody_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, holds: str, shows: type[Model]
) -> None:
    monkeypatch.setattr(revocation, "LONGEST_WAIT", 20.0)
    monkeypatch.setattr(opt_out, "LONGEST_WAIT", 20.0, raising=False)
    mailing = make_running(2)
    message = Inbound("null", FIRST, "STOP", datetime.now(UTC), key="k")

    def hear() -> None:
        record_new_inbound([message])
        connection.close()

    hearing = threading.Thread(target=hear)
    with another() as holder:
        given = ["", None, "import", [FIRST], [stop_list.hash_of(FIRST)]]
        holder.execute(holds, given if holds is stop_list.PUT else [])
        hearing.start()
        wait_until(shows.objects.exists, 10)  # type: ignore[attr-defined]  # a model
    hearing.join(30)
    may_leave(mailing)
    assert counts(mailing) == {"queued": 1, "suppressed": 1}
    assert_it_adds_up(mailing)


def test_whoever_is_deleted_from_a_paused_mailing_is_cancelled_once_the_batch_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(revocation, "LONGEST_WAIT", 0.2)
    mailing = make_running(3)
    mailing.apply(PAUSE, actor="test")
    with another() as holder:
        holder.execute("SELECT FROM dispatch_batch FOR UPDATE")
        delete_first()
        run_maintenance()
        assert counts(mailing) == {"queued": 3}

    run_maintenance()

    assert counts(mailing) == {"cancelled": 1, "queued": 2}
    assert not DeletedClient.objects.exists()
    assert_it_adds_up(mailing)


def test_whoever_is_deleted_in_mid_chunk_is_cancelled_in_a_paused_mailing_too() -> None:
    """A chunk that read the client creates the message after the search for it."""
    make_clients(3)
    mailing = make_mailing()
    launch.launch_when_due(mailing.id)
    mailing.refresh_from_db()
    mailing.apply(PAUSE, actor="test")
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
    delete_first()
    run_maintenance()
    released.set()
    chunk.join(30)
    assert counts(mailing) == {"queued": 3}

    run_maintenance()

    assert counts(mailing) == {"cancelled": 1, "queued": 2}
    assert not DeletedClient.objects.exists()


def test_whoever_is_deleted_in_flight_is_cancelled_when_the_message_comes_back() -> None:
    mailing = make_running(2)
    claim = claim_of(mailing)
    settled = mark_in_flight(claim, due_ids(claim))
    delete_first()
    run_maintenance()
    mailing.apply(PAUSE, actor="test")
    settled.add(due_ids(claim)[0], "queued", 0.0, retry_in=0.0)
    settled.add(due_ids(claim)[1], "sent", 0.0)
    assert record_and_release(claim, settled)
    assert counts(mailing) == {"queued": 1, "sent": 1}

    run_maintenance()

    assert counts(mailing) == {"cancelled": 1, "sent": 1}
    assert not DeletedClient.objects.exists()


def test_the_limit_of_a_wait_is_not_left_behind() -> None:
    def limit() -> object:
        return sql.value("SELECT current_setting('lock_timeout')")

    with transaction.atomic():
        before = limit()
        with sql.lock_timeout(1.0):
            assert limit() == "1s"
        assert limit() == before


def is_behind(mailing: Mailing) -> bool:
    """Return whether the list has changed since its sweep for the mailing."""
    return mailing.id in [behind for behind, _, _ in sql.rows(opt_out.BEHIND)]


@pytest.mark.parametrize("few", [1, 100])
def test_what_came_onto_the_list_is_taken_back_once_and_the_cursor_goes_on(
    few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few new entries are searched one by one; for many each batch is searched."""
    monkeypatch.setattr(opt_out, "FEW_ENTRIES", few)
    monkeypatch.setattr(enlist, "BATCH_SIZE", 3)
    mailing, other = make_running(8), make_mailing()
    put([f"7900000{n:04}" for n in range(2, 6)], Source.IMPORT)

    opt_out.sweep_new_entries()

    assert counts(mailing) == {"queued": 4, "suppressed": 4}
    assert not is_behind(mailing)
    assert not EnlistmentCursor.objects.filter(mailing=other).exists()
    assert_it_adds_up(mailing)

    put([FIRST], Source.IMPORT)
    opt_out.sweep_new_entries()
    assert counts(mailing) == {"queued": 3, "suppressed": 5}
    assert sql.rows(opt_out.BEHIND) == []


@pytest.mark.parametrize("comes", ["anew", "back after an erasure"])
@pytest.mark.parametrize("few", [0, 100])
def test_a_number_that_another_transaction_stops_is_swept_for_once_that_is_over(
    few: int, comes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entry has a lower id than one that was swept already."""
    monkeypatch.setattr(opt_out, "FEW_ENTRIES", few)
    if comes == "back after an erasure":
        put([FIRST], Source.API)
        stop_list.erase(FIRST)
    mailing = make_running(3)
    mailing.apply(PAUSE, actor="test")
    with another() as importing:
        importing.execute(stop_list.PUT, ["", None, "import", [FIRST], [stop_list.hash_of(FIRST)]])
        put([SECOND], Source.API)
        for _ in range(2):
            opt_out.sweep_new_entries()
        assert counts(mailing) == {"queued": 2, "suppressed": 1}
        importing.connection.commit()

    opt_out.sweep_new_entries()

    assert counts(mailing) == {"queued": 1, "suppressed": 2}
    assert not is_behind(mailing)
    assert_it_adds_up(mailing)


def test_entries_of_an_earlier_version_are_swept_for_once() -> None:
    """Entries of an earlier version have no transaction id."""
    mailing = make_running(2)
    put([FIRST], Source.API)
    StopListEntry.objects.update(changed_in=None)
    EnlistmentCursor.objects.update(stop_list_seen=None)

    opt_out.sweep_new_entries()

    assert counts(mailing) == {"queued": 1, "suppressed": 1}
    assert not is_behind(mailing)


def test_entries_of_a_database_that_was_restored_are_not_new_for_ever() -> None:
    mailing = make_running(2)
    put([FIRST], Source.API)
    StopListEntry.objects.update(changed_in=2**60)
    opt_out.sweep_new_entries()
    assert not is_behind(mailing)


def test_a_number_that_is_being_imported_is_stopped_by_its_owner_all_the_same() -> None:
    """The import holds the number, and is rolled back."""
    mailing = make_running(2)
    mailing.apply(PAUSE, actor="test")
    message = Inbound("null", FIRST, "STOP", datetime.now(UTC), key="k")
    with another() as importing:
        importing.execute(stop_list.PUT, ["", None, "import", [FIRST], [stop_list.hash_of(FIRST)]])
        record_new_inbound([message])
        record_new_inbound([message])  # no repetition is needed
        run_maintenance()
        assert not StopListEntry.objects.exists()

    run_maintenance()

    assert StopListEntry.objects.get().source == Source.INBOUND
    assert counts(mailing) == {"queued": 1, "suppressed": 1}
    assert not PendingStop.objects.exists()
    assert_it_adds_up(mailing)


def test_while_an_import_holds_a_number_that_wrote_stop_nothing_leaves_to_it() -> None:
    mailing = make_running(2)
    message = Inbound("null", FIRST, "STOP", datetime.now(UTC), key="k")
    with another() as importing:
        importing.execute(stop_list.PUT, ["", None, "import", [FIRST], [stop_list.hash_of(FIRST)]])
        record_new_inbound([message])
        assert PendingStop.objects.exists()
        assert not may_leave(mailing)
        assert counts(mailing) == {"queued": 1, "suppressed": 1}
    assert_it_adds_up(mailing)


def test_one_sweep_at_a_time() -> None:
    make_running(2)
    put([FIRST], Source.IMPORT)
    with another() as sweeping:
        sweeping.execute("SELECT pg_advisory_lock(%s)", [STOP_LIST_SWEEP_LOCK])
        opt_out.sweep_new_entries()
        assert sql.rows(opt_out.BEHIND)


@pytest.fixture
def mailing_with_unknown(monkeypatch: pytest.MonkeyPatch) -> Mailing:
    """Ten unknown messages in five batches; a slice has two batches."""
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
    mailing_with_unknown: Mailing, settle: Callable[..., int], becomes: str
) -> None:
    assert settle(mailing_with_unknown, actor="test") == 10
    assert counts(mailing_with_unknown) == {becomes: 10}
    assert mailing_with_unknown.events.latest("id").reason == "10 unknown messages"
    assert_it_adds_up(mailing_with_unknown)


@pytest.mark.parametrize("settle", [unknown_messages.resend, unknown_messages.give_up])
def test_no_slice_goes_beyond_what_was_agreed_to(
    mailing_with_unknown: Mailing, settle: Callable[..., int]
) -> None:
    assert settle(mailing_with_unknown, actor="test", most=7) == 4
    assert counts(mailing_with_unknown)["unknown"] == 6


@pytest.mark.parametrize("settle", [unknown_messages.resend, unknown_messages.give_up])
def test_what_comes_into_doubt_meanwhile_is_not_settled_beyond_what_was_agreed_to(
    mailing_with_unknown: Mailing, settle: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lease expires after the slice was counted."""
    first, batch = (
        mailing_with_unknown.messages.earliest("id").id,
        mailing_with_unknown.batches.earliest("id").id,
    )
    move = """
        WITH moved AS (UPDATE dispatch_message SET state = %s, attempt_id = %s WHERE id = %s)
        UPDATE dispatch_batch SET state = %s, unknown = unknown + %s, queued = queued - %s
        WHERE id = %s
    """
    sql.run(move, ["queued", None, first, "ready", -1, -1, batch])
    settled = unknown_messages.resolve_slice

    def settle_later(*args: Any, **given: Any) -> int:
        sql.run(move, ["unknown", 1, first, "done", 1, 1, batch])
        return settled(*args, **given)

    monkeypatch.setattr(unknown_messages, "resolve_slice", settle_later)
    assert settle(mailing_with_unknown, actor="test", most=3) == 0
    assert counts(mailing_with_unknown) == {"queued": 1, "unknown": 9}
    assert not mailing_with_unknown.events.filter(event__in=["resend", "give_up"]).exists()


def test_what_may_not_be_sent_again_is_not_in_the_way_of_others(
    mailing_with_unknown: Mailing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the first batches, as many as one run reads, has a stopped client."""
    monkeypatch.setattr(unknown_messages, "BATCHES_AT_ONCE", 1)
    monkeypatch.setattr(unknown_messages, "MOST_SLICES_A_RUN", 1)
    put([f"7900000{n:04}" for n in range(8)], Source.API)

    unknown_messages.resend_automatically(["null"])

    assert counts(mailing_with_unknown) == {"queued": 2, "unknown": 8}


def test_a_cancel_between_two_slices_ends_it(
    mailing_with_unknown: Mailing, monkeypatch: pytest.MonkeyPatch
) -> None:
    slices = []
    settled = unknown_messages.resolve_slice

    def settle(*args: Any, **given: Any) -> int:
        """Another session cancels the mailing between two slices."""
        slices.append(settled(*args, **given))
        transaction.on_commit(lambda: mailing_with_unknown.apply(CANCEL, actor="test"))
        return slices[-1]

    monkeypatch.setattr(unknown_messages, "resolve_slice", settle)

    assert unknown_messages.resend(mailing_with_unknown, actor="test") == 4
    assert slices == [4]
    assert counts(mailing_with_unknown)["unknown"] == 6


def test_who_pauses_waits_for_a_slice_and_not_for_all(
    mailing_with_unknown: Mailing, monkeypatch: pytest.MonkeyPatch
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

    assert unknown_messages.resend(mailing_with_unknown, actor="test") == 10
    assert free == [True] * 4
