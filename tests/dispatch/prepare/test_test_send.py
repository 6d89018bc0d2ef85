"""A test send passes through the same steps as any mailing."""

import pytest
from django.core.exceptions import ValidationError

from tests.builders import counts, make_client, make_clients, make_mailing
from tests.dispatch.record.test_recorder import assert_it_adds_up, claim_of, due_ids, mark_in_flight
from vestnik.audience.stop_list import Source, StopListEntry, put
from vestnik.dispatch.prepare import enlist, launch
from vestnik.dispatch.prepare.test_send import send_test
from vestnik.dispatch.reconcile import closing
from vestnik.dispatch.record.recorder import record_and_release
from vestnik.dispatch.suppress.erasure import erase_client
from vestnik.mailings.models import Mailing

pytestmark = pytest.mark.django_db

FIRST, SECOND = "79261234567", "79161234567"


def test_it_is_claimed_sent_and_finished():
    make_clients(3)
    sent_test = send_test(make_mailing(starts_in=1000), [FIRST, SECOND], "test")
    claim = claim_of(sent_test.mailing)
    ids = due_ids(claim)
    settled = mark_in_flight(claim, ids)
    for message_id in ids:
        settled.add(message_id, "sent", 0.0)
    assert record_and_release(claim, settled)
    assert closing.finish_if_done(sent_test.mailing.id)
    assert counts(sent_test.mailing) == {"sent": 2}
    assert_it_adds_up(sent_test.mailing)


def test_a_wakeup_neither_launches_nor_enlists_it_again():
    make_clients(3)
    sent_test = send_test(make_mailing(starts_in=1000), [FIRST], "test")
    assert not launch.launch_when_due(sent_test.mailing.id)
    assert not enlist.enlist_chunk(sent_test.mailing.id)
    assert sent_test.mailing.messages.count() == 1


def test_the_mailing_that_is_tested_stays_as_it_is():
    draft = make_mailing(starts_in=1000)
    before = Mailing.objects.values().get()
    sent_test = send_test(draft, [FIRST], "test")
    assert Mailing.objects.values().get(id=draft.id) == before
    assert list(sent_test.mailing.events.values_list("event", "actor")) == [
        ("schedule", "test"),
        ("launch", "test"),
        ("test", "test"),
    ]


def test_where_all_numbers_are_stopped_nothing_is_left_to_send():
    put([FIRST], Source.API)
    sent_test = send_test(make_mailing(starts_in=1000), [FIRST], "test")
    assert closing.finish_if_done(sent_test.mailing.id)
    assert counts(sent_test.mailing) == {"suppressed": 1}
    assert_it_adds_up(sent_test.mailing)


@pytest.mark.parametrize("count", [0, 6])
def test_it_goes_to_one_to_five_numbers(count):
    with pytest.raises(ValidationError, match="1 to 5 numbers"):
        send_test(make_mailing(), [f"7900000000{n}" for n in range(count)], "test")


def test_a_test_is_not_sent_to_who_was_erased_and_had_said_stop():
    client = make_client(FIRST)
    put([FIRST], Source.INBOUND)
    assert erase_client(client.id)
    assert not StopListEntry.objects.filter(phone_number=FIRST).exists()

    sent_test = send_test(make_mailing(starts_in=1000), [FIRST], "test")

    assert counts(sent_test.mailing) == {"suppressed": 1}
