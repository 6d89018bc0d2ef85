"""A text that changes after the start: waiting messages get it, and the recorded text is the sent
one."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import connection

from tests.builders import counts, make_client, make_clients, make_mailing, make_running
from tests.dispatch.dispatching import open_dispatcher, provider
from tests.dispatch.sent import LEASE, assert_it_adds_up, claim_of, due_ids, mark_in_flight
from tests.gateways.holding import Holding
from tests.gateways.standing import Standing
from tests.stack.embedded_servers import wait_until
from vestnik.audience.models import Client
from vestnik.audience.stop_list import Source, put
from vestnik.dispatch.models import Message
from vestnik.dispatch.prepare import enlist, new_text
from vestnik.dispatch.prepare.launch import launch
from vestnik.dispatch.record import claims
from vestnik.dispatch.record.recorder import OutcomeBatch, record_and_mark, record_and_release
from vestnik.dispatch.runtime.tasks import look_at
from vestnik.mailings.models import PAUSE, RESUME, Mailing, StateConflict

pytestmark = pytest.mark.django_db


def change(mailing: Mailing, text: str = "New") -> None:
    """Pause the mailing, change its text, resume it."""
    mailing.apply(PAUSE, actor="test")
    new_text.change(mailing, {"text": text}, actor="test")
    mailing.apply(RESUME, actor="test")


def got(mailing: Mailing) -> list[str]:
    """Return the text of each message as it is displayed."""
    rows = mailing.messages.order_by("id").select_related("mailing")
    return [message.full_text for message in rows]


def test_what_is_in_flight_keeps_its_text_and_the_rest_gets_the_new_one() -> None:
    mailing = make_running(4, text="Old")
    claim = claim_of(mailing)
    ids = due_ids(claim)
    settled = mark_in_flight(claim, ids[:2])

    change(mailing)
    look_at(mailing.id)

    assert got(mailing) == ["Old", "Old", "New", "New"]
    for message in ids[:2]:
        settled.add(message, "sent", 0.0)
    assert record_and_mark(claim, settled, ids[2:], claims.new_id(), LEASE) is None
    assert record_and_release(claim, OutcomeBatch())
    assert got(mailing) == ["Old", "Old", "New", "New"]
    assert counts(mailing) == {"queued": 2, "sent": 2}
    assert_it_adds_up(mailing)


@pytest.mark.parametrize("renewed", [False, True])
def test_a_worker_that_has_the_old_text_loaded_marks_no_flight(renewed: bool) -> None:
    mailing = make_running(2, text="Old")
    claim = claim_of(mailing)
    ids = due_ids(claim)
    change(mailing)
    if renewed:
        look_at(mailing.id)

    assert record_and_mark(claim, OutcomeBatch(), ids, claims.new_id(), LEASE) is None


def test_whoever_comes_back_from_a_flight_gets_the_new_text(settings: Any) -> None:
    with Standing(once=["accept"]) as gateway:
        mailing = make_running(1, text="Old", provider="main")
        claim = claim_of(mailing)
        settled = mark_in_flight(claim, due_ids(claim))
        change(mailing)
        look_at(mailing.id)
        settled.add(settled_id(mailing), "queued", 0.0, retry_in=0.0)
        assert record_and_release(claim, settled)
        assert got(mailing) == ["Old"]
        gateway.set(once=["accept"])
        with (
            provider(settings, "main", "http_gateway", url=gateway.url),
            open_dispatcher("main") as main,
        ):
            main.work()
        assert [taken.text for taken in gateway.taken] == ["New"]
    assert got(mailing) == ["New"]


def settled_id(mailing: Mailing) -> int:
    return mailing.messages.get().id


CLIENTS = [
    {"phone_number": "79000000001", "attributes": {"name": "Anna"}},
    {"phone_number": "79000000002", "attributes": {"name": "Я" * 40}},
    {"phone_number": "79000000003"},
    {"phone_number": "79000000004", "attributes": {"name": "Stopped"}},
    {"phone_number": "79000000005", "attributes": {"name": "Deleted"}},
    {"phone_number": "79000000006", "attributes": {"name": "Z" * 1600}},
]


@pytest.mark.parametrize("before", ["Plain", 'Hi {{ name|default:"you" }}'])
def test_a_personalised_text_is_rendered_for_each_who_waits(before: str) -> None:
    for fields in CLIENTS:
        make_client(**fields)
    mailing = make_mailing(text=before)
    assert launch(mailing.id)
    while enlist.enlist_chunk(mailing.id):
        pass
    put(["79000000004"], Source.API)
    Client.objects.filter(phone_number="79000000005").delete()

    change(mailing, "Dear {{ name }}, {{ name }}")
    look_at(mailing.id)

    rows = mailing.messages.order_by("id").values_list("state", "text", "segments", "error")
    first, second, *rest = rows
    assert first == ("queued", "Dear Anna, Anna", 1, None)
    assert second[::2] == ("queued", 2)
    assert [(state, error) for state, _, _, error in rest] == [
        ("suppressed", "no value for name"),
        ("suppressed", "stop list"),
        ("cancelled", "the client was deleted"),
        ("suppressed", "longer than 10 segments"),
    ]
    assert_it_adds_up(mailing)


def test_from_a_personalised_text_to_one_for_all() -> None:
    make_client(attributes={"name": "Anna"})
    mailing = make_running(0, text="Dear {{ name }}")
    assert got(mailing) == ["Dear Anna"]

    change(mailing, "x" * 161)
    look_at(mailing.id)

    message = mailing.messages.get()
    assert (message.text, message.segments, message.full_text) == (None, 2, "x" * 161)


def test_whoever_is_enlisted_after_it_gets_the_new_text() -> None:
    make_clients(3)
    mailing = make_mailing(text="Old")
    assert launch(mailing.id)
    mailing.refresh_from_db()
    change(mailing)
    look_at(mailing.id)
    assert got(mailing) == ["New"] * 3


def test_a_chunk_that_was_read_with_the_old_text_is_brought_up_to_the_new_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The text changes after the mailing was read and before the statement that enlists."""
    make_clients(3)
    mailing = make_mailing(text="Old")
    assert launch(mailing.id)
    mailing.refresh_from_db()
    real: Callable[..., Any] = enlist.clients_sql

    def late(*args: Any) -> Any:
        change(mailing)
        return real(*args)

    monkeypatch.setattr(enlist, "clients_sql", late)
    assert not enlist.enlist_chunk(mailing.id)
    assert got(mailing) == ["Old"] * 3
    assert new_text.mailings_to_renew() == [mailing.id]
    new_text.renew_all(mailing.id)
    assert got(mailing) == ["New"] * 3
    assert new_text.mailings_to_renew() == []


def test_only_a_paused_mailing_gets_one_and_of_two_at_once_one() -> None:
    mailing = make_running(1, text="Old")
    mailing.apply(PAUSE, actor="test")
    other = Mailing.objects.get(id=mailing.id)
    new_text.change(mailing, {"text": "New"}, actor="first")

    with pytest.raises(StateConflict):
        new_text.change(other, {"text": "Newer"}, actor="second")

    assert list(mailing.texts.values_list("version", "text")) == [(1, "Old"), (2, "New")]
    event = mailing.events.get(event="new_text")
    assert event.reason == "text 2: 1 wait, 0 had an earlier one"
    new_text.change(mailing, {"text": "New"}, actor="first")
    assert mailing.text_version == 2


def _took(gateway: Standing, count: int) -> bool:
    return len(gateway.taken) > count


def _work_until_sent(work: Callable[[], None], mailing: Mailing) -> None:
    try:
        while mailing.messages.filter(state="queued").exists():
            work()
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_each_gets_at_the_gateway_what_stands_on_record(settings: Any) -> None:
    """The text changes five times while a dispatcher sends; the gateway's list decides.

    The gateway takes at most 60 messages more than a change waits for before it is made.
    """
    with Standing() as gateway:
        gateway.sandbox.behaviour = behaviour = Holding(60 * 3, delay=0.01)
        mailing = make_running(600, text="Text 1", provider="main")
        options = {"url": gateway.url, "window": "10"}
        with provider(settings, "main", "http_gateway", **options), open_dispatcher("main") as main:
            working = threading.Thread(target=_work_until_sent, args=[main.work, mailing])
            working.start()
            for version in range(2, 7):
                wait_until(partial(_took, gateway, 60 * version), 60)
                change(mailing, f"Text {version}")
                behaviour.permits.release(60)
            behaviour.permits.release(600)
            working.join(60)
        taken = {one.phone_number: one.text for one in gateway.taken}
        assert gateway.doubled() == []
    rows = Message.objects.filter(mailing=mailing).select_related("mailing")
    assert {message.phone_number: message.full_text for message in rows} == taken
    assert len(set(taken.values())) == 6
    assert_it_adds_up(mailing)
