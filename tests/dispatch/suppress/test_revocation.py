"""A client is deleted while mailings run."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from tests.builders import counts, make_running
from tests.dispatch.dispatching import open_dispatcher, provider
from tests.dispatch.record.test_recorder import (
    LEASE,
    assert_it_adds_up,
    claim_of,
    due_ids,
    mark_in_flight,
)
from tests.dispatch.sent import expire_leases
from tests.gateways.holding import Holding
from tests.gateways.standing import Standing
from tests.stack.embedded_servers import wait_until
from vestnik.audience.models import Client
from vestnik.dispatch.record import claims
from vestnik.dispatch.record.recorder import (
    OutcomeBatch,
    record_and_mark,
    record_and_release,
    record_late,
)
from vestnik.dispatch.suppress.erasure import erase_client
from vestnik.dispatch.suppress.revocation import delete_client

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
    assert record_and_mark(claim, OutcomeBatch(), ids, claims.new_id(), LEASE) is None
    assert record_and_release(claim, OutcomeBatch())
    assert due_ids(claim_of(mailing)) == ids[1:]


def test_what_is_in_flight_finishes():
    mailing = make_running(clients=1)
    claim = claim_of(mailing)
    ids = due_ids(claim)
    settled = mark_in_flight(claim, ids)
    assert delete_client(first_client())
    settled.add(ids[0], "sent", 0.0)
    assert record_and_release(claim, settled)
    assert counts(mailing) == {"sent": 1}
    assert_it_adds_up(mailing)


def test_what_was_in_flight_and_comes_back_with_the_next_flight_is_cancelled():
    mailing = make_running(clients=3)
    claim = claim_of(mailing)
    ids = due_ids(claim)
    settled = mark_in_flight(claim, ids[:1])
    assert delete_client(first_client())
    settled.add(ids[0], "queued", 0.0, retry_in=0.0)
    assert record_and_mark(claim, settled, ids[:2], claims.new_id(), LEASE) is None
    assert counts(mailing) == {"cancelled": 1, "queued": 2}
    assert record_and_release(claim, OutcomeBatch())
    again = claim_of(mailing)
    assert due_ids(again) == ids[1:]
    mark_in_flight(again, ids[1:])
    assert_it_adds_up(mailing)


def test_what_is_still_out_when_others_are_looked_for_is_looked_for_later():
    mailing = make_running(clients=2)
    claim = claim_of(mailing)
    first, second = due_ids(claim)
    attempt = mark_in_flight(claim, [first]).attempt_id
    assert delete_client(first_client())
    later = OutcomeBatch(claims.new_id())
    assert (
        record_and_mark(
            claim, OutcomeBatch(attempt), [second], later.attempt_id, LEASE, out=[first]
        )
        is None
    )
    later.add(first, "queued", 0.0, retry_in=0.0)
    assert record_and_release(claim, later)
    again = claim_of(mailing)
    assert record_and_mark(again, OutcomeBatch(), [first, second], claims.new_id(), LEASE) is None
    assert counts(mailing) == {"cancelled": 1, "queued": 1}
    assert_it_adds_up(mailing)


def test_what_turns_out_late_not_to_have_left_is_cancelled():
    mailing = make_running(clients=1)
    claim = claim_of(mailing)
    ids = due_ids(claim)
    settled = mark_in_flight(claim, ids)
    expire_leases()
    assert delete_client(first_client())
    settled.not_sent.extend(ids)
    assert record_late(claim, settled) == 1
    again = claim_of(mailing)
    assert record_and_mark(again, OutcomeBatch(), ids, claims.new_id(), LEASE) is None
    assert record_and_release(again, OutcomeBatch())
    assert counts(mailing) == {"cancelled": 1}
    assert_it_adds_up(mailing)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("go", [delete_client, erase_client])
@pytest.mark.parametrize("refusal", ["throttle", "refuse"])
def test_whoever_goes_while_their_message_is_out_is_not_sent_to_when_it_is_deferred(
    settings: Any, go: Callable[[int], object], refusal: str
) -> None:
    """Checked at the gateway, which refuses the message temporarily and would accept it a second
    later."""
    mailing = make_running(clients=2, provider="main")
    client = first_client()
    stays = Client.objects.exclude(id=client).get().phone_number

    # The gateway takes neither message before the client is gone.
    behaviour = Holding(0, once=[refusal, refusal], retry_after=1.0)

    def leave() -> None:
        wait_until(mailing.batches.exclude(in_flight=[]).exists, seconds=15)
        go(client)
        connection.close()
        behaviour.permits.release(100)

    with Standing() as gateway:
        gateway.sandbox.behaviour = behaviour
        options = {"url": gateway.url, "temporary_codes": "400", "window": "2"}
        leaving = threading.Thread(target=leave)
        leaving.start()
        with provider(settings, "main", "http_gateway", **options), open_dispatcher("main") as main:
            until = time.monotonic() + 60
            while "queued" in counts(mailing) and time.monotonic() < until:
                main.work()
                time.sleep(0.1)  # returned from the flight, to be retried a second later
        leaving.join()
        arrived = [taken.phone_number for taken in gateway.taken]
    assert arrived == [stays]
    assert counts(mailing) == {"cancelled": 1, "sent": 1}
    assert_it_adds_up(mailing)
