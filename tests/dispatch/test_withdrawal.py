"""A client is deleted while mailings run."""

import pytest

from tests.builders import counts, make_running
from tests.dispatch.test_outcomes import LEASE, assert_it_adds_up, claim_of, due_ids, fly
from vestnik.audience.models import Client
from vestnik.dispatch import claims
from vestnik.dispatch.outcomes import record_and_mark, record_and_release
from vestnik.dispatch.settled import Settled
from vestnik.dispatch.withdrawal import delete_client

pytestmark = pytest.mark.django_db


def first_client() -> int:
    return Client.objects.order_by("id").values_list("id", flat=True)[0]


def test_the_queued_message_is_cancelled_and_kept():
    mailing = make_running(clients=3)
    gone = first_client()
    assert delete_client(gone)
    assert counts(mailing) == {"cancelled": 1, "queued": 2}
    assert_it_adds_up(mailing)
    assert not Client.objects.filter(id=gone).exists()


def test_nobody_is_deleted_twice():
    assert not delete_client(1)


def test_the_last_one_of_a_batch_makes_it_done():
    mailing = make_running(clients=1)
    assert delete_client(first_client())
    assert mailing.batches.get().state == "done"


def test_a_worker_that_has_the_batch_loaded_lets_go_of_it():
    mailing = make_running(clients=2)
    claim = claim_of(mailing)
    ids = due_ids(claim)
    assert delete_client(first_client())
    assert record_and_mark(claim, Settled(), ids, claims.new_id(), LEASE) is None
    assert record_and_release(claim, Settled())
    assert due_ids(claim_of(mailing)) == ids[1:]


def test_what_is_in_flight_finishes():
    mailing = make_running(clients=1)
    claim = claim_of(mailing)
    ids = due_ids(claim)
    settled = fly(claim, ids)
    assert delete_client(first_client())
    settled.add(ids[0], "sent", 0.0)
    assert record_and_release(claim, settled)
    assert counts(mailing) == {"sent": 1}
    assert_it_adds_up(mailing)
