"""Enlisting of personalised mailings, and of clients who get nothing."""

import pytest

from tests.builders import (
    counts,
    enlist_all,
    kept_counts,
    make_client,
    make_clients,
    make_mailing,
    make_running,
)
from vestnik.audience.models import Client, StopListEntry
from vestnik.audience.stop_list import Source, hash_of
from vestnik.dispatch.prepare.launch import launch
from vestnik.dispatch.record import claims, due_messages
from vestnik.dispatch.states import STORED_STATES
from vestnik.mailings.models import Mailing

pytestmark = pytest.mark.django_db

TEXT = 'Hi {{ name|default:"client" }}, your city is {{ city }}'


def enlisted(**fields) -> Mailing:
    mailing = make_mailing(**fields)
    assert launch(mailing.id)
    enlist_all(mailing)
    mailing.refresh_from_db()
    return mailing


def stop(phone_number: str) -> None:
    StopListEntry.objects.create(
        phone_number=phone_number, phone_hash=hash_of(phone_number), source=Source.API
    )


def test_each_client_gets_their_own_text_and_its_segments():
    make_client("79261234567", attributes={"name": "Anna", "city": "Omsk"})
    make_client("79261234568", attributes={"city": "Ю" * 60})
    mailing = enlisted(text=TEXT)
    rows = mailing.messages.order_by("id").values_list("state", "text", "segments", "error")
    assert list(rows) == [
        ("queued", "Hi Anna, your city is Omsk", 1, None),
        ("queued", f"Hi client, your city is {'Ю' * 60}", 2, None),
    ]


def test_what_was_true_when_it_was_enlisted_is_sent():
    client = make_client(attributes={"city": "Omsk"})
    mailing = enlisted(text=TEXT)
    Client.objects.filter(id=client.id).update(attributes={"city": "Tomsk"})
    claim = claims.claim(mailing.provider, 30)
    assert [one.text for one in due_messages.load_queued(claim)[0]] == [
        "Hi client, your city is Omsk"
    ]


def test_who_lacks_a_value_gets_nothing_and_the_reason_is_kept():
    make_client("79261234567", attributes={"name": "Anna"})
    make_client("79261234568", attributes={"city": "Omsk"})
    make_client("79261234569", attributes={"city": "Ю" * 671})
    mailing = enlisted(text=TEXT)
    rows = mailing.messages.order_by("id").values_list("state", "text", "segments", "error")
    assert list(rows) == [
        ("suppressed", None, 0, "no value for city"),
        ("queued", "Hi client, your city is Omsk", 1, None),
        ("suppressed", None, 0, "longer than 10 segments"),
    ]
    batch = mailing.batches.get()
    assert (batch.size, batch.queued, batch.suppressed, batch.state) == (3, 1, 2, "ready")
    assert kept_counts(mailing, STORED_STATES) == counts(mailing)


def test_a_text_that_is_the_same_for_all_is_kept_once():
    mailing = make_running(3)
    assert set(mailing.messages.values_list("text", "segments")) == {(None, 1)}


@pytest.mark.parametrize("text", ["Hello", "Hello {{ phone_number }}"])
def test_who_is_on_the_stop_list_gets_nothing(text):
    make_clients(1500)
    stop("79000000003")
    mailing = enlisted(text=text)
    assert counts(mailing) == {"queued": 1499, "suppressed": 1}
    assert mailing.messages.get(state="suppressed").error == "stop list"
    assert kept_counts(mailing, STORED_STATES) == counts(mailing)


def test_a_batch_of_which_all_get_nothing_is_done():
    make_client()
    stop("79261234567")
    mailing = enlisted()
    assert mailing.batches.get().state == "done"
