"""Closing: queued messages at the end, and the finish of a mailing."""

import threading

import pytest
from django.db import DataError, connection, transaction

from tests.builders import counts, make_clients, make_mailing, make_running
from tests.dispatch.record.test_recorder import assert_it_adds_up, claim_of, due_ids, mark_in_flight
from vestnik.db import sql
from vestnik.dispatch.prepare import enlist
from vestnik.dispatch.prepare.launch import launch
from vestnik.dispatch.reconcile import closing
from vestnik.dispatch.record.recorder import OutcomeBatch, record_and_release
from vestnik.dispatch.runtime import tasks
from vestnik.mailings.models import CANCEL, PAUSE, Mailing, MailingEvent

pytestmark = pytest.mark.django_db


def end(mailing: Mailing) -> None:
    Mailing.objects.filter(id=mailing.id).update(ends_at=mailing.started_at)


@pytest.mark.parametrize("paused", [False, True])
def test_leftovers_expire_at_the_end(paused):
    mailing = make_running(clients=2500, starts_in=-10)
    if paused:
        mailing.apply(PAUSE, actor="test")
    end(mailing)
    assert closing.mailings_to_close() == [mailing.id]
    closing.close(mailing.id)
    mailing.refresh_from_db()
    assert mailing.state == "finished"
    assert counts(mailing) == {"expired": 2500}
    assert_it_adds_up(mailing)
    assert closing.mailings_to_close() == []


def test_leftovers_of_a_cancelled_mailing_are_cancelled():
    mailing = make_running(clients=10)
    mailing.apply(CANCEL, actor="test")
    assert closing.mailings_to_close() == [mailing.id]
    closing.close(mailing.id)
    mailing.refresh_from_db()
    assert mailing.state == "cancelled"
    assert counts(mailing) == {"cancelled": 10}
    assert_it_adds_up(mailing)


def test_what_is_in_flight_at_the_end_finishes():
    mailing = make_running(clients=10, starts_in=-10)
    claim = claim_of(mailing)
    first = due_ids(claim)[0]
    settled = mark_in_flight(claim, [first])
    end(mailing)
    closing.close(mailing.id)
    mailing.refresh_from_db()
    assert mailing.state == "running"
    settled.add(first, "sent", 0.0)
    assert record_and_release(claim, settled)
    closing.close(mailing.id)
    mailing.refresh_from_db()
    assert mailing.state == "finished"
    assert counts(mailing) == {"expired": 9, "sent": 1}
    assert_it_adds_up(mailing)


def test_a_mailing_with_something_left_goes_on():
    mailing = make_running(clients=10)
    closing.close(mailing.id)
    mailing.refresh_from_db()
    assert mailing.state == "running"
    assert closing.mailings_to_close() == []


def test_a_mailing_is_not_finished_before_it_is_enlisted():
    make_clients(1500)
    mailing = make_mailing(starts_in=-10)
    launch(mailing.id)
    mailing.refresh_from_db()
    enlist.enlist_chunk(mailing.id)
    end(mailing)
    closing.close(mailing.id)
    mailing.refresh_from_db()
    assert mailing.state == "running"


def test_a_mailing_of_which_all_left_is_finished_before_its_end():
    mailing = make_running(clients=1)
    claim = claim_of(mailing)
    settled = mark_in_flight(claim, due_ids(claim))
    settled.add(due_ids(claim)[0], "sent", 0.0)
    assert record_and_release(claim, settled)
    closing.close(mailing.id)
    mailing.refresh_from_db()
    assert (mailing.state, mailing.finished_at is not None) == ("finished", True)


def test_a_paused_mailing_of_which_nothing_is_left_is_finished():
    mailing = make_running(clients=0)
    mailing.apply(PAUSE, actor="test")
    assert closing.mailings_to_close() == [mailing.id]
    closing.close(mailing.id)
    mailing.refresh_from_db()
    assert mailing.state == "finished"


def test_an_unsettled_batch_keeps_the_mailing_open():
    mailing = make_running(clients=2)
    claim = claim_of(mailing)
    assert record_and_release(claim, OutcomeBatch(), wait=60)
    closing.close(mailing.id)
    mailing.refresh_from_db()
    assert mailing.state == "running"


@pytest.mark.django_db(transaction=True)
def test_a_mailing_whose_new_text_cannot_be_rendered_ends_all_the_same() -> None:
    mailing = make_running(3)
    mailing.apply(PAUSE, actor="test")
    mailing.change({"text": "Another"}, actor="test")
    sql.run(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '22003'; END $$; "
        "CREATE TRIGGER refuse BEFORE UPDATE OF text_version ON dispatch_message "
        "FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    end(mailing)
    try:
        with pytest.raises(DataError):
            tasks.look_at(mailing.id)
    finally:
        sql.run("DROP FUNCTION refuse CASCADE")

    mailing.refresh_from_db()
    assert (mailing.state, counts(mailing)) == ("finished", {"expired": 3})


def send_all(mailing: Mailing) -> Mailing:
    claim = claim_of(mailing)
    settled = mark_in_flight(claim, due_ids(claim))
    for message in due_ids(claim):
        settled.add(message, "sent", 0.0)
    assert record_and_release(claim, settled)
    return mailing


def test_one_task_finishes_all_that_are_done(django_assert_max_num_queries) -> None:
    """Each of the mailings that were sent together had a task, and a dozen statements."""
    make_clients(1)
    done = [send_all(make_running(clients=0)) for _ in range(20)]
    left = make_running(clients=0)
    done[3].apply(PAUSE, actor="test")

    with django_assert_max_num_queries(8):
        closing.close(done[7].id)

    for mailing in done:
        mailing.refresh_from_db()
        assert (mailing.state, mailing.finished_at is not None) == ("finished", True)
    before = ["paused" if mailing == done[3] else "running" for mailing in done]
    events = MailingEvent.objects.filter(event="finish").order_by("mailing_id")
    assert list(events.values_list("from_state", "to_state", "actor")) == [
        (state, "finished", "system") for state in before
    ]
    left.refresh_from_db()
    assert left.state == "running"


@pytest.mark.django_db(transaction=True)
def test_a_mailing_that_another_transaction_holds_keeps_no_other_from_finishing() -> None:
    """Resending its unknown messages holds it, after which it may not be done any more."""
    held, free = make_running(clients=0), make_running(clients=0)

    def close() -> None:
        closing.close(free.id)
        connection.close()

    with transaction.atomic():
        Mailing.objects.select_for_update(no_key=True).get(id=held.id)
        closing_task = threading.Thread(target=close)
        closing_task.start()
        closing_task.join(10)
        assert not closing_task.is_alive()
        states = Mailing.objects.in_bulk([held.id, free.id])
        assert [states[one.id].state for one in (held, free)] == ["running", "finished"]
    closing.finish_all_done()
    held.refresh_from_db()
    assert held.state == "finished"
