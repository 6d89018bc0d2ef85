"""A client is erased while mailings run and other numbers are stopped."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import connection, transaction

from tests.builders import counts, enlist_all, make_client, make_mailing, make_running
from tests.dispatch.sent import assert_it_adds_up, claim_of, due_ids, record
from tests.stack.embedded_servers import wait_until
from vestnik.audience.models import Client, StopListEntry
from vestnik.audience.stop_list import Source
from vestnik.db import sql
from vestnik.dispatch.prepare import launch
from vestnik.dispatch.prepare.test_send import send_test
from vestnik.dispatch.record import claims
from vestnik.dispatch.record.recorder import OutcomeBatch, record_and_mark, record_and_release
from vestnik.dispatch.suppress import opt_out
from vestnik.dispatch.suppress.erasure import ErasureResult, erase_client, erasing
from vestnik.mailings.models import Mailing

FIRST, SECOND = "79000000000", "79000000001"
WAITING_FOR_A_LOCK = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
    AND query LIKE '%%dispatch_message%%'
"""


@contextmanager
def meanwhile(work: Callable[[], object]) -> Iterator[None]:
    """Run work in another thread and session during the block; it has ended at the end of the
    block."""

    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join(30)


def id_of(number: str) -> int:
    return Client.objects.values_list("id", flat=True).get(phone_number=number)


@contextmanager
def erasure_held_up(client: int, past: Mailing) -> Iterator[None]:
    """Erase the client; during the block the erasure waits for the row of a settled message."""
    held, released = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            past.messages.select_for_update().get(client=client)
            held.set()
            released.wait(30)

    with meanwhile(hold):
        assert held.wait(30)
        with meanwhile(lambda: erase_client(client)):
            try:
                wait_until(lambda: sql.value(WAITING_FOR_A_LOCK), seconds=20)
                yield
            finally:
                released.set()


@pytest.mark.django_db(transaction=True)
def test_whoever_says_stop_does_not_wait_for_an_erasure() -> None:
    mailing = make_running(clients=3)
    record(mailing, ["sent"])
    client = id_of(FIRST)

    with erasure_held_up(client, mailing):
        opt_out.stop_numbers([SECOND], Source.INBOUND)
        assert sql.value(WAITING_FOR_A_LOCK)  # the erasure, which was not waited for
        still_there = Client.objects.filter(id=client).exists()

    assert still_there  # so an interrupted erasure can be repeated
    assert StopListEntry.objects.get().phone_number == SECOND
    assert counts(mailing) == {"queued": 1, "sent": 1, "suppressed": 1}
    assert not Client.objects.filter(id=client).exists()
    assert mailing.messages.get(state="sent").phone_number == ""


@pytest.mark.django_db
def test_an_erasure_that_broke_off_is_made_good_by_erasing_again() -> None:
    mailing = make_running(clients=2)
    record(mailing, ["sent"])
    client = id_of(FIRST)

    def give_up(**_: object) -> None:
        raise InterruptedError

    erasing.connect(give_up)
    with pytest.raises(InterruptedError):
        erase_client(client)
    erasing.disconnect(give_up)

    assert erase_client(client) == ErasureResult(1, False)
    assert not Client.objects.filter(id=client).exists()
    assert not mailing.messages.filter(phone_number=FIRST).exists()
    assert erase_client(client) is None


@pytest.mark.django_db(transaction=True)
def test_who_is_enlisted_while_the_past_is_blanked_is_forgotten_as_well() -> None:
    past = make_running(clients=2)
    record(past, ["sent"])
    with erasure_held_up(id_of(FIRST), past):
        mailing = make_mailing()
        assert launch.launch(mailing.id)
        enlist_all(mailing)

    assert counts(mailing) == {"cancelled": 1, "queued": 1}
    assert mailing.messages.get(state="cancelled").phone_number == ""
    assert_it_adds_up(mailing)


@pytest.mark.django_db
def test_a_test_that_is_queued_for_the_number_is_cancelled() -> None:
    client = make_client(FIRST)
    sent_test = send_test(make_mailing(starts_in=1000), [FIRST, SECOND], "test")
    assert erase_client(client.id) == ErasureResult(1, False)
    assert counts(sent_test.mailing) == {"cancelled": 1, "queued": 1}
    assert_it_adds_up(sent_test.mailing)


@pytest.mark.django_db
def test_an_earlier_number_of_somebody_else_is_cancelled_without_a_number() -> None:
    mailing = make_running(clients=1)
    Client.objects.update(phone_number="79991112233")
    again = make_client(FIRST)
    assert erase_client(again.id) == ErasureResult(1, False)
    assert counts(mailing) == {"cancelled": 1}
    assert mailing.messages.get().phone_number == ""


@pytest.mark.django_db
def test_what_is_in_flight_and_comes_back_is_not_submitted_without_a_number() -> None:
    mailing = make_running(clients=2)
    claim = claim_of(mailing)
    ids = due_ids(claim)
    settled = fly_all(claim, ids)
    assert erase_client(id_of(FIRST)) == ErasureResult(1, False)
    settled.add(ids[0], "queued", 0.0, retry_in=0.0)
    settled.add(ids[1], "sent", 0.0)
    assert record_and_release(claim, settled)
    assert go_on(mailing) == set()
    assert counts(mailing) == {"cancelled": 1, "sent": 1}
    assert_it_adds_up(mailing)


def fly_all(claim: claims.Claim, ids: list[int]) -> OutcomeBatch:
    attempt = claims.new_id()
    mark = record_and_mark(claim, OutcomeBatch(), ids, attempt, 30.0)
    assert mark is not None
    return OutcomeBatch(attempt, mark.marked_at)


def go_on(mailing: Mailing) -> set[int]:
    """Mark the mailing's due messages; return their ids, none if the mark was refused."""
    claim = claim_of(mailing)
    ids = due_ids(claim)
    mark = record_and_mark(claim, OutcomeBatch(), ids, claims.new_id(), 30.0)
    if mark is None:
        assert record_and_release(claim, OutcomeBatch())
    return set(ids) if mark else set()


@pytest.mark.django_db(transaction=True)
def test_an_erasure_and_receipts_for_two_mailings_never_wait_for_each_other() -> None:
    """Receipts settle messages of several mailings in one transaction, in any order."""
    first = make_running(clients=1)
    record(first, ["sent"])
    second = make_mailing()
    assert launch.launch(second.id)
    enlist_all(second)
    record(second, ["sent"])
    client, found = id_of(FIRST), list[ErasureResult | None]()

    def erase() -> None:
        found.append(erase_client(client))
        connection.close()

    def waits() -> bool:
        sql.value(
            "SELECT pg_stat_clear_snapshot()::text"
        )  # the transaction keeps its first snapshot
        return bool(sql.value(WAITING_FOR_A_LOCK))

    with transaction.atomic():
        second.messages.update(delivered_at=None)
        thread = threading.Thread(target=erase)
        thread.start()
        wait_until(waits, seconds=20)
        first.messages.update(delivered_at=None)
    thread.join(20)
    assert found == [ErasureResult(2, on_stop_list=False)]
    assert set(Mailing.objects.values_list("messages__phone_number", flat=True)) == {""}
