"""A client is deleted, or the number or time zone is corrected, while the message waits."""

import threading
from typing import Any

import pytest
from django.db import connection, transaction

from tests.builders import counts, make_client, make_running
from tests.dispatch.dispatching import open_dispatcher, provider
from tests.dispatch.prepare.test_local_hours import hours_at, launched
from tests.dispatch.sent import assert_it_adds_up, claim_of, due_ids, mark_in_flight, record
from tests.gateways.standing import Standing
from tests.stack.embedded_servers import wait_until
from vestnik.audience.clients import change
from vestnik.audience.models import Client
from vestnik.audience.stop_list import Source
from vestnik.db import sql
from vestnik.dispatch.prepare import local_hours, new_text
from vestnik.dispatch.reconcile import unknown_messages
from vestnik.dispatch.record import claims, due_messages
from vestnik.dispatch.record.recorder import OutcomeBatch, record_and_mark, record_and_release
from vestnik.dispatch.suppress import opt_out
from vestnik.dispatch.suppress.revocation import delete_client
from vestnik.mailings.models import Mailing
from vestnik.mailings.rendering import NO_SMS

pytestmark = pytest.mark.django_db(transaction=True)

LEASE = 30.0
OLD, NEW = "79261234567", "79167654321"


def sent_to(settings: Any, mailing: Mailing, rounds: int = 3) -> list[tuple[str, str]]:
    """Return the numbers and texts that reach the gateway."""
    with Standing() as gateway:
        options = {"url": gateway.url}
        with provider(settings, "main", "http_gateway", **options), open_dispatcher("main") as main:
            for _ in range(rounds):
                main.work()
        assert_it_adds_up(mailing)
        return [(taken.phone_number, taken.text) for taken in gateway.taken]


def personal(text: str = "{{ name }}: {{ phone_number }}") -> tuple[Client, Mailing]:
    client = make_client(OLD, attributes={"name": "Анна"})
    return client, launched(provider="main", text=text)


@pytest.mark.parametrize("text", ["Hello", "{{ name }}", "{{ name }}: {{ phone_number }}"])
def test_a_corrected_number_is_written_to_and_not_the_old_one(settings: Any, text: str) -> None:
    client, mailing = personal(text)
    change(client, {"phone_number": NEW})
    said = text.replace("{{ name }}", "Анна").replace("{{ phone_number }}", NEW)
    assert sent_to(settings, mailing) == [(NEW, said)]
    assert mailing.messages.get().phone_number == NEW


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Order {{ order }}", f"Order {OLD}"),
        (f"Call {OLD}, {{{{ name }}}}", f"Call {OLD}, Анна"),
        ("Order {{ order }} for {{ phone_number }}", f"Order {OLD} for {NEW}"),
        ("Order {{ long }} for {{ phone_number }}", f"Order 1{OLD}2 for {NEW}"),
        (f"Call {OLD}, {{{{ phone_number }}}}", f"Call {OLD}, {NEW}"),
        ('{{ none|default:"x" }}: {{ phone_number }}', f"x: {NEW}"),
    ],
)
def test_the_same_digits_elsewhere_in_a_text_stay(settings: Any, text: str, said: str) -> None:
    """Only the placeholder of the number shows the corrected one."""
    attributes = {"name": "Анна", "order": OLD, "long": f"1{OLD}2"}
    client = make_client(OLD, attributes=attributes)
    mailing = launched(provider="main", text=text)
    change(client, {"phone_number": NEW})

    assert sent_to(settings, mailing) == [(NEW, said)]


def test_a_corrected_number_in_a_text_that_cannot_be_rendered_anew_is_suppressed(
    settings: Any,
) -> None:
    client, mailing = personal()
    change(client, {"phone_number": NEW, "attributes": {}})

    assert sent_to(settings, mailing) == []
    assert [(m.state, m.error) for m in mailing.messages.all()] == [
        ("suppressed", "no value for name")
    ]


@pytest.mark.parametrize("is_shown_before", [True, False])
@pytest.mark.parametrize("is_shown_after", [True, False])
def test_a_corrected_number_is_in_the_text_of_its_mailing_by_then(
    settings: Any, is_shown_before: bool, is_shown_after: bool
) -> None:
    before, after = (
        f"{word} {{{{ name }}}}" + shown * " {{ phone_number }}"
        for word, shown in (("Before", is_shown_before), ("After", is_shown_after))
    )
    client, mailing = personal(before)
    claim = claim_of(mailing)
    new_text.change(mailing, {"text": after}, actor="test")
    change(client, {"phone_number": NEW})
    assert record_and_mark(claim, OutcomeBatch(), due_ids(claim), claims.new_id(), LEASE) is None
    assert record_and_release(claim, OutcomeBatch())

    assert sent_to(settings, mailing) == [(NEW, "After Анна" + is_shown_after * f" {NEW}")]


def test_a_number_that_is_corrected_after_a_worker_has_read_it_is_not_written_to() -> None:
    client, mailing = personal()
    claim = claim_of(mailing)
    ids = due_ids(claim)
    change(client, {"phone_number": NEW})
    assert record_and_mark(claim, OutcomeBatch(), ids, claims.new_id(), LEASE) is None
    assert record_and_release(claim, OutcomeBatch())
    assert [one.phone_number for one in due_messages.load_queued(claim_of(mailing))[0]] == [NEW]


def test_what_is_in_flight_keeps_its_number_until_it_comes_back() -> None:
    client, mailing = personal()
    claim = claim_of(mailing)
    ids = due_ids(claim)
    settled = mark_in_flight(claim, ids)
    change(client, {"phone_number": NEW})
    settled.add(ids[0], "queued", 0.0, retry_in=0.0)
    assert record_and_mark(claim, settled, ids, claims.new_id(), LEASE) is None
    assert mailing.messages.get().phone_number == NEW


def test_a_corrected_number_that_is_stopped_is_not_written_to(settings: Any) -> None:
    client, mailing = personal()
    opt_out.stop_numbers([NEW], Source.API)
    change(client, {"phone_number": NEW})
    assert sent_to(settings, mailing) == []
    assert counts(mailing) == {"suppressed": 1}


def test_a_number_that_is_corrected_to_a_landline_is_not_written_to(settings: Any) -> None:
    client, mailing = personal()
    change(client, {"phone_number": "74951234567"})
    assert sent_to(settings, mailing) == []
    assert [(m.state, m.error) for m in mailing.messages.all()] == [("suppressed", NO_SMS)]


def test_two_clients_who_change_numbers_each_get_their_own(settings: Any) -> None:
    first, second = (
        make_client(number, attributes={"name": name})
        for number, name in ((OLD, "Анна"), (NEW, "Иван"))
    )
    mailing = launched(provider="main", text="{{ name }}")
    for client, number in ((first, "79000000000"), (second, OLD), (first, NEW)):
        change(Client.objects.get(id=client.id), {"phone_number": number})
    assert sorted(sent_to(settings, mailing)) == [(NEW, "Анна"), (OLD, "Иван")]


def test_whoever_is_deleted_while_resend_runs_is_not_sent_to(settings: Any) -> None:
    """A resend reads the clients, and commits after the client was deleted."""
    mailing = make_running(clients=2, provider="main")
    gone, _ = record(mailing, ["unknown", "unknown"])
    client = mailing.messages.get(id=gone).client_id
    stays = mailing.messages.exclude(id=gone).get().phone_number
    done = threading.Event()

    def delete() -> None:
        delete_client(client)
        connection.close()
        done.set()

    with transaction.atomic():
        assert unknown_messages.resend(mailing, actor="test") == 2
        threading.Thread(target=delete).start()
        assert done.wait(10)
    assert [number for number, _ in sent_to(settings, mailing)] == [stays]
    assert counts(mailing) == {"sent": 1, "unknown": 1}


def test_a_wake_up_during_the_look_is_not_lost() -> None:
    """Another transaction sets `recheck` during a recheck: the flag stays for the next one."""
    mailing = make_running(clients=1)
    claim = claim_of(mailing)
    batch = mailing.batches.get()
    sql.run("UPDATE dispatch_batch SET recheck = true")
    asked = threading.Event()

    def ask() -> None:
        asked.set()
        sql.run("UPDATE dispatch_batch SET recheck = true WHERE id = %s", [batch.id])
        connection.close()

    from vestnik.dispatch.suppress import revocation

    with transaction.atomic():
        revocation.recheck(batch.id)
        asker = threading.Thread(target=ask)
        asker.start()
        assert asked.wait(5)
        wait_until(lambda: bool(sql.value(WAITING)), seconds=10)
    asker.join()
    batch.refresh_from_db()
    assert batch.recheck
    assert record_and_release(claim, OutcomeBatch())


WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def test_a_corrected_time_zone_decides_when_a_client_is_written_to() -> None:
    client = make_client(OLD, timezone="Europe/Moscow")
    mailing = launched(local_hours=hours_at("Europe/Moscow", -30, 30), ends_in=86_400 * 2)
    change(client, {"timezone": "Asia/Vladivostok"})
    claim = claim_of(mailing)
    found = due_messages.load_due(claim)
    assert found.messages == []
    assert 16 * 3600 < (found.next_retry or 0) < 17 * 3600
    assert record_and_release(claim, OutcomeBatch(), wait=found.next_retry or 0)
    batch = mailing.batches.get()
    assert (batch.state, batch.open_until) == ("waiting", None)
    local_hours.schedule_closed()
    sql.run("UPDATE dispatch_batch SET due_at = clock_timestamp()")
    claims.promote_due()
    assert claims.claim(mailing.provider, LEASE) is not None


def test_a_time_zone_that_is_corrected_after_a_worker_has_looked_holds_the_flight() -> None:
    client = make_client(OLD, timezone="Europe/Moscow")
    mailing = launched(local_hours=hours_at("Europe/Moscow", -30, 30), ends_in=86_400 * 2)
    claim = claim_of(mailing)
    found = due_messages.load_due(claim)
    ids = [message.message_id for message in found.messages]
    change(client, {"timezone": "Asia/Vladivostok"})
    kept = {"zones": found.zones, "closes": found.closes}
    assert record_and_mark(claim, OutcomeBatch(), ids, claims.new_id(), LEASE, **kept) is None


@pytest.mark.parametrize("how", ["resend", "late"])
def test_a_batch_that_is_filled_again_waits_for_its_hours(settings: Any, how: str) -> None:
    """The batch became empty while it waited for the hours of the next day."""
    make_client(OLD, timezone="Europe/Moscow")
    mailing = launched(
        provider="main", local_hours=hours_at("Europe/Moscow", -30, 30), ends_in=86_400 * 2
    )
    record(mailing, ["unknown"])
    Mailing.objects.update(local_hours=hours_at("Europe/Moscow", -120, -60))
    sql.run(
        "UPDATE dispatch_batch SET due_at = clock_timestamp() + interval '20 h', "
        "open_until = clock_timestamp() + interval '22 h'"
    )
    mailing.refresh_from_db()
    if how == "resend":
        assert unknown_messages.resend(mailing, actor="test") == 1
    else:
        sql.run("UPDATE dispatch_message SET state = 'queued', attempt_id = NULL")
        sql.run("UPDATE dispatch_batch SET unknown = 0, queued = 1, state = 'ready'")
    assert sent_to(settings, mailing) == []
    assert counts(mailing) == {"queued": 1}
    batch = mailing.batches.get()
    assert batch.state == "waiting"
    assert 21 < (batch.due_at - mailing.started_at).total_seconds() / 3600 < 23
