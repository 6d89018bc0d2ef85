"""The audience becomes messages, in batches."""

import pytest

from tests.builders import counts, enlist_all, make_client, make_clients, make_mailing, make_running
from vestnik.audience.models import Client
from vestnik.dispatch.prepare import enlist
from vestnik.dispatch.prepare.launch import launch
from vestnik.mailings.models import CANCEL, PAUSE, Mailing

pytestmark = pytest.mark.django_db


def launched(**fields) -> Mailing:
    mailing = make_mailing(**fields)
    assert launch(mailing.id)
    mailing.refresh_from_db()
    return mailing


def test_every_matching_client_gets_one_message():
    mailing = make_running(clients=2500)
    assert counts(mailing) == {"queued": 2500}
    assert mailing.enlisted_at is not None
    batches = mailing.batches.order_by("number")
    assert list(batches.values_list("number", "size", "queued", "state")) == [
        (0, 1000, 1000, "ready"),
        (1, 1000, 1000, "ready"),
        (2, 500, 500, "ready"),
    ]


def test_batches_cover_the_messages_without_a_gap_or_an_overlap():
    mailing = make_running(clients=2500)
    ids = sorted(mailing.messages.values_list("id", flat=True))
    ranges = mailing.batches.values_list("first_message_id", "last_message_id")
    covered = [sum(first <= one <= last for first, last in ranges) for one in ids]
    assert set(covered) == {1}


def test_the_number_is_taken_when_the_message_is_enlisted():
    client = make_client("79261234567")
    mailing = launched()
    enlist_all(mailing)
    Client.objects.filter(id=client.id).update(phone_number="79031112233")
    assert mailing.messages.get().phone_number == "79261234567"


def test_values_of_a_kind_are_alternatives_and_kinds_narrow():
    make_client("79261234567", tag="vip")
    make_client("79031234567", tag="vip")
    make_client("79261234568", tag="new")
    make_client("79161234568", tag="vip")
    mailing = launched(filter={"operator_codes": ["926", "903"], "tags": ["vip"]})
    enlist_all(mailing)
    assert sorted(mailing.messages.values_list("phone_number", flat=True)) == [
        "79031234567",
        "79261234567",
    ]


def test_clients_added_after_the_launch_are_not_in_it():
    make_clients(3)
    mailing = launched()
    make_client("79261234567")
    enlist_all(mailing)
    assert mailing.messages.count() == 3


def test_a_filter_that_matches_nobody_enlists_nobody():
    make_clients(3)
    mailing = launched(filter={"tags": ["nobody"]})
    enlist_all(mailing)
    mailing.refresh_from_db()
    assert mailing.enlisted_at is not None
    assert not mailing.batches.exists()


def test_enlisting_goes_on_while_paused():
    make_clients(5)
    mailing = launched()
    mailing.apply(PAUSE, actor="test")
    enlist_all(mailing)
    assert counts(mailing) == {"queued": 5}


def test_after_a_cancel_messages_are_born_cancelled():
    make_clients(1500)
    mailing = launched()
    enlist.enlist_chunk(mailing.id)
    mailing.apply(CANCEL, actor="test")
    enlist_all(mailing)
    assert counts(mailing) == {"cancelled": 500, "queued": 1000}
    batches = mailing.batches.order_by("number")
    assert list(batches.values_list("cancelled", "state")) == [(0, "ready"), (500, "done")]


def test_after_the_end_messages_are_born_expired():
    make_clients(5)
    mailing = launched(starts_in=-10)
    Mailing.objects.filter(id=mailing.id).update(ends_at=mailing.started_at)
    enlist_all(mailing)
    assert counts(mailing) == {"expired": 5}
    assert mailing.batches.get().state == "done"


@pytest.mark.parametrize("behind", [0, 1, 9, 10], ids="{} behind the cursor".format)
def test_enlisting_again_makes_nobody_a_second_message(behind: int) -> None:
    mailing = make_running(clients=10)
    clients = [0, *mailing.messages.order_by("client_id").values_list("client_id", flat=True)]
    mailing.enlistment.complete, mailing.enlistment.cursor = False, clients[behind]
    mailing.enlistment.save()
    enlist_all(mailing)
    assert mailing.messages.count() == 10
    assert sum(mailing.batches.values_list("size", flat=True)) == 10
