"""A number is stopped while mailings run."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from django.db import connection

from tests.audience.import_files import counts as import_counts
from tests.audience.import_files import take
from tests.builders import counts, make_mailing, make_running
from tests.dispatch.record.test_recorder import (
    LEASE,
    assert_it_adds_up,
    claim_of,
    due_ids,
    mark_in_flight,
)
from vestnik.audience.models import Client, StopListEntry
from vestnik.audience.stop_list import Source, hash_of, put
from vestnik.dispatch.prepare.test_send import send_test
from vestnik.dispatch.receive.sink import store_inbound
from vestnik.dispatch.record import claims
from vestnik.dispatch.record.recorder import OutcomeBatch, record_and_mark, record_and_release
from vestnik.dispatch.suppress import opt_out
from vestnik.dispatch.suppress.revocation import delete_client
from vestnik.providers.base import Inbound

pytestmark = pytest.mark.django_db

FIRST, SECOND = "79000000000", "79000000001"
STOPPERS = 4


def wrote(text: str, number: str = FIRST) -> Inbound:
    return Inbound("null", number, text, datetime.now(UTC))


def test_whoever_writes_stop_is_on_the_list_and_gets_nothing_that_is_queued():
    mailing = make_running(clients=3)
    store_inbound([wrote("Стоп!", f"+{FIRST}")])
    entry = StopListEntry.objects.get()
    assert (entry.phone_number, entry.source, entry.phone_hash) == (
        FIRST,
        "inbound",
        hash_of(FIRST),
    )
    assert counts(mailing) == {"queued": 2, "suppressed": 1}
    assert mailing.messages.get(state="suppressed").error == "stop list"
    assert_it_adds_up(mailing)


def test_another_text_or_a_number_that_is_none_stops_nobody():
    mailing = make_running(clients=1)
    store_inbound([wrote("Спасибо"), wrote("СТОП", "Bank")])
    assert not StopListEntry.objects.exists()
    assert counts(mailing) == {"queued": 1}


def test_many_are_stopped_at_once_and_none_twice():
    mailing = make_running(clients=3)
    assert opt_out.stop_numbers([FIRST, SECOND], Source.API) == 2
    assert opt_out.stop_numbers([SECOND, FIRST], Source.API) == 0
    assert counts(mailing) == {"queued": 1, "suppressed": 2}
    assert mailing.batches.get().suppressed == 2
    assert_it_adds_up(mailing)


@pytest.mark.django_db(transaction=True)
def test_a_number_that_several_stop_at_the_same_moment_is_stopped_once():
    together = threading.Barrier(STOPPERS)

    def stop() -> int:
        try:
            return sum(
                opt_out.stop_numbers([f"79{n:09}"], Source.INBOUND)
                for n in range(150)
                if together.wait(30) >= 0
            )
        finally:
            connection.close()

    with ThreadPoolExecutor(STOPPERS) as threads:
        added = [one.result() for one in [threads.submit(stop) for _ in range(STOPPERS)]]

    assert sum(added) == StopListEntry.objects.count() == 150


def test_the_last_one_of_a_batch_makes_it_done():
    mailing = make_running(clients=2)
    opt_out.stop_numbers([FIRST, SECOND], Source.API)
    assert mailing.batches.get().state == "done"


def test_a_worker_that_has_the_batch_loaded_lets_go_of_it():
    mailing = make_running(clients=2)
    claim = claim_of(mailing)
    ids = due_ids(claim)
    opt_out.stop_numbers([FIRST], Source.API)
    assert record_and_mark(claim, OutcomeBatch(), ids, claims.new_id(), LEASE) is None
    assert record_and_release(claim, OutcomeBatch())
    assert due_ids(claim_of(mailing)) == ids[1:]


def test_what_is_in_flight_finishes_and_what_comes_back_is_taken_by_the_sweep():
    mailing = make_running(clients=2)
    claim = claim_of(mailing)
    ids = due_ids(claim)
    settled = mark_in_flight(claim, ids)
    opt_out.stop_numbers([FIRST, SECOND], Source.API)
    settled.add(ids[0], "sent", 0.0)
    assert record_and_release(claim, settled)
    assert counts(mailing) == {"queued": 1, "sent": 1}
    opt_out.sweep_new_entries()
    assert counts(mailing) == {"sent": 1, "suppressed": 1}
    assert_it_adds_up(mailing)


def test_a_message_to_a_former_number_is_not_another_numbers():
    mailing = make_running(clients=1)
    Client.objects.update(phone_number=SECOND)
    opt_out.stop_numbers([SECOND], Source.API)
    assert counts(mailing) == {"queued": 1}


def test_a_retry_that_is_due_before_the_sweep_does_not_leave():
    mailing = make_running(clients=2)
    claim = claim_of(mailing)
    ids = due_ids(claim)
    settled = mark_in_flight(claim, ids[:1])
    opt_out.stop_numbers([FIRST], Source.API)
    settled.add(ids[0], "queued", 0.0, retry_in=0.0)
    assert record_and_mark(claim, settled, ids, claims.new_id(), LEASE) is None
    assert record_and_release(claim, OutcomeBatch())
    assert counts(mailing) == {"queued": 1, "suppressed": 1}
    assert due_ids(claim_of(mailing)) == ids[1:]
    assert_it_adds_up(mailing)


def test_whoever_is_on_the_list_by_any_way_is_taken_out_when_the_flight_is_marked():
    mailing = make_running(clients=3)
    claim = claim_of(mailing)
    ids = due_ids(claim)
    put([FIRST], Source.IMPORT)
    assert record_and_mark(claim, OutcomeBatch(), ids, claims.new_id(), LEASE) is None
    assert counts(mailing) == {"queued": 2, "suppressed": 1}
    assert record_and_release(claim, OutcomeBatch())
    again = claim_of(mailing)
    mark_in_flight(again, due_ids(again))
    assert_it_adds_up(mailing)


def test_the_former_number_of_a_changed_client_is_stopped_too():
    mailing = make_running(clients=2)
    Client.objects.filter(phone_number=FIRST).update(phone_number="79991112233")
    opt_out.stop_numbers([FIRST], Source.INBOUND)
    claim = claim_of(mailing)
    assert record_and_mark(claim, OutcomeBatch(), due_ids(claim), claims.new_id(), LEASE) is None
    assert counts(mailing) == {"queued": 1, "suppressed": 1}
    assert mailing.messages.get(state="suppressed").phone_number == FIRST


def test_a_number_of_a_test_is_stopped_though_it_has_no_client():
    sent_test = send_test(make_mailing(starts_in=1000), [FIRST, SECOND], "test")
    opt_out.stop_numbers([FIRST], Source.INBOUND)
    claim = claim_of(sent_test.mailing)
    assert record_and_mark(claim, OutcomeBatch(), due_ids(claim), claims.new_id(), LEASE) is None
    assert counts(sent_test.mailing) == {"queued": 1, "suppressed": 1}


def test_an_entry_outlives_its_client():
    make_running(clients=1)
    opt_out.stop_numbers([FIRST], Source.API)
    delete_client(Client.objects.get().id)
    assert StopListEntry.objects.get().phone_number == FIRST


def test_a_file_of_numbers_stops_them_too():
    mailing = make_running(clients=3)
    opt_out.stop_numbers([FIRST], Source.API)
    content = f"Телефон;Причина\n{FIRST};жалоба\n{SECOND};жалоба\nнет;\n".encode()
    job = take(content, into="stop_list")
    assert import_counts(job) == {"rows": 3, "created": 1, "unchanged": 1, "refused": 1}
    entry = StopListEntry.objects.get(phone_number=SECOND)
    assert (entry.reason, entry.source, entry.phone_hash) == ("жалоба", "import", hash_of(SECOND))
    opt_out.sweep_new_entries()
    assert counts(mailing) == {"queued": 1, "suppressed": 2}
