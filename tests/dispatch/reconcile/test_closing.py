"""Closing: queued messages at the end, and the finish of a mailing."""

import pytest

from tests.builders import counts, make_clients, make_mailing, make_running
from tests.dispatch.record.test_recorder import assert_it_adds_up, claim_of, due_ids, mark_in_flight
from vestnik.dispatch.prepare import enlist
from vestnik.dispatch.prepare.launch import launch
from vestnik.dispatch.reconcile import closing
from vestnik.dispatch.record.outcome_batch import OutcomeBatch
from vestnik.dispatch.record.recorder import record_and_release
from vestnik.mailings.models import CANCEL, PAUSE, Mailing

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
