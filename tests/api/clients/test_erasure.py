"""A client is erased on request."""

import io

import pytest
from django.db import connection

from tests.api.caller import Caller
from tests.audience.import_files import refusals, take
from tests.builders import counts, make_client, make_running
from tests.dispatch.record.test_recorder import assert_it_adds_up, claim_of, due_ids, mark_in_flight
from vestnik.audience.importing import stored
from vestnik.audience.importing.take_over import FORGOTTEN
from vestnik.audience.models import Client, StopListEntry
from vestnik.audience.stop_list import Source, hash_of
from vestnik.audience.upsert import upsert
from vestnik.dispatch.record.recorder import record_and_release
from vestnik.dispatch.suppress import opt_out
from vestnik.dispatch.suppress.revocation import delete_client
from vestnik.reasons.phone_masking import mask_number

NUMBER = "79000000000"
#: As the words of a gateway have it.
MASKED = mask_number(NUMBER)
#: The public numbering register contains that number as a range.
PUBLIC = "audience_numberrange"


def everything() -> str:
    """Return all rows of our tables as text."""
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor)) - {PUBLIC}
        found = []
        for table in tables:
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            found += [text for (text,) in cursor.fetchall()]
    return "\n".join(found)


def first_id() -> int:
    return Client.objects.order_by("id").values_list("id", flat=True)[0]


def test_the_number_is_nowhere_and_the_counts_are_as_before(api: Caller):
    mailing = make_running(clients=3)
    claim = claim_of(mailing)
    first, *_ = ids = due_ids(claim)
    settled = mark_in_flight(claim, ids)
    settled.add(first, "failed", 0.0, error=f"{NUMBER} ({MASKED}) is barred")
    record_and_release(claim, settled)
    before = counts(mailing)
    mailing.messages.filter(phone_number=NUMBER).update(text="Dear Anna")
    body = {"phone_number": "79991112233", "attributes": {"friend": "Anna"}}
    api.post("clients/", body, idempotency_key="once")
    take(f"phone\n{NUMBER}\n8 900 000-00-00\n".encode())
    opt_out.stop_numbers([NUMBER], Source.API)
    Client.objects.filter(phone_number=NUMBER).update(attributes={"secret": "Anna's own"})
    assert NUMBER in everything()

    answer = api.post(f"clients/{first_id()}/erase/")

    assert (answer.status_code, answer.json()) == (200, {"messages": 1, "on_stop_list": True})
    left = everything()
    assert NUMBER not in left
    assert MASKED not in left
    assert "Dear Anna" not in left
    assert "Anna's own" not in left
    assert hash_of(NUMBER) in left
    assert counts(mailing) == before
    assert_it_adds_up(mailing)


def test_what_is_queued_is_cancelled_without_a_number(api: Caller):
    mailing = make_running(clients=2)
    assert api.post(f"clients/{first_id()}/erase/").json()["on_stop_list"] is False
    message = mailing.messages.get(state="cancelled")
    assert message.phone_number == ""
    assert counts(mailing) == {"cancelled": 1, "queued": 1}
    assert api.get(f"messages/{message.id}/").json()["phone_number"] == ""


def test_the_answers_that_are_kept_for_a_day_forget_it_too(api: Caller):
    client = api.post("clients/", {"phone_number": NUMBER}, idempotency_key="once").json()
    api.post(f"clients/{client['id']}/erase/")
    assert NUMBER not in everything()


def test_messages_of_an_earlier_client_with_the_number_forget_it_too(api: Caller):
    mailing = make_running(clients=1)
    delete_client(first_id())
    again = make_client(NUMBER)
    api.post(f"clients/{again.id}/erase/")
    assert mailing.messages.get().phone_number == ""


@pytest.mark.parametrize("way", ["api", "bulk", "import", "change"])
def test_whoever_was_stopped_and_erased_and_comes_in_again_is_stopped_again(api: Caller, way: str):
    opt_out.stop_numbers([NUMBER], Source.INBOUND)
    api.post(f"clients/{make_client(NUMBER).id}/erase/")
    assert StopListEntry.objects.get().phone_number is None
    [entry] = api.get(f"stop-list/?phone_number={NUMBER}").json()["results"]
    assert entry["phone_number"] is None

    match way:
        case "api":
            api.post("clients/", {"phone_number": NUMBER})
        case "bulk":
            upsert([{"phone_number": NUMBER}])
        case "import":
            take(f"{NUMBER}\n".encode())
        case "change":
            other = make_client("79990000000")
            api.patch(f"clients/{other.id}/", {"phone_number": NUMBER})

    assert StopListEntry.objects.get().phone_number == NUMBER


def test_nobody_comes_back_by_a_file_that_was_handed_in_before(api: Caller):
    content = f"phone\n{NUMBER}\n79000000001\n8 {NUMBER[1:]}\n".encode()
    job = stored.store(io.BytesIO(content), file_name="a.csv")
    api.post(f"clients/{make_client(NUMBER).id}/erase/")

    stored.read(job.id)

    job.refresh_from_db()
    assert list(Client.objects.values_list("phone_number", flat=True)) == ["79000000001"]
    assert refusals(job) == {2: FORGOTTEN, 4: FORGOTTEN}
    left = everything()
    assert NUMBER not in left
    assert hash_of(NUMBER) not in left


def test_whoever_is_erased_is_still_stopped_by_a_list_that_was_handed_in_before(api: Caller):
    content = f"phone\n{NUMBER}\n".encode()
    job = stored.store(io.BytesIO(content), file_name="a.csv", into="stop_list")
    api.post(f"clients/{make_client(NUMBER).id}/erase/")

    stored.read(job.id)

    entry = StopListEntry.objects.get()
    assert (entry.phone_number, entry.phone_hash) == (None, hash_of(NUMBER))


def test_only_an_admin_erases(api: Caller):
    client = make_client(NUMBER)
    assert Caller("operator").post(f"clients/{client.id}/erase/").status_code == 403
    assert Client.objects.exists()
    assert api.post(f"clients/{client.id}/erase/").status_code == 200
    assert api.post(f"clients/{client.id}/erase/").status_code == 404
