"""Messages are found correctly beside any other rows, and never by a scan."""

import random
from itertools import product
from typing import Any

import pytest
from django.db import connection

from tests.builders import from_now, make_client
from vestnik.db.keyset import Keyset
from vestnik.dispatch.models import Batch, Message
from vestnik.dispatch.read import messages
from vestnik.mailings.models import Mailing

STATES = ("queued", "sent", "failed", "expired")

MANY = """
INSERT INTO dispatch_message (mailing_id, client_id, phone_number, state, segments, attempts,
    sent_at, error)
SELECT %s, n, '79000000000', CASE n %% 5000 WHEN 7 THEN 'failed' ELSE 'sent' END, 1, 1, now(), 'x'
FROM generate_series(%s, %s) n
"""
IN_BATCHES = """
INSERT INTO dispatch_batch
    (mailing_id, number, first_message_id, last_message_id, size, state, sent, failed)
SELECT mailing_id, (n - 1) / 1000, min(id), max(id), count(*), 'done',
    count(*) FILTER (WHERE state = 'sent'), count(*) FILTER (WHERE state = 'failed')
FROM (SELECT *, row_number() OVER (PARTITION BY mailing_id ORDER BY id) AS n
      FROM dispatch_message) numbered
GROUP BY mailing_id, (n - 1) / 1000
"""


def started(number: int) -> Mailing:
    return Mailing.objects.create(
        text="x",
        provider="null",
        segments=1,
        state="running",
        starts_at=from_now(-number - 1),
        started_at=from_now(-number),
        ends_at=from_now(3600),
    )


def row(mailing: Mailing, client: int, state: str) -> Message:
    """Return a message, not yet stored, with the columns that its state requires."""
    sent_at = from_now(0) if state == "sent" else None
    error = "x" if state == "failed" else None
    return Message(
        mailing=mailing,
        client_id=client,
        phone_number="79000000000",
        state=state,
        segments=1,
        sent_at=sent_at,
        error=error,
    )


def in_batch(mailing: Mailing, number: int, rows: list[Message]) -> Batch:
    counts = {state: sum(row.state == state for row in rows) for state in STATES}
    return Batch(
        mailing=mailing,
        number=number,
        first_message_id=rows[0].id,
        last_message_id=rows[-1].id,
        size=len(rows),
        state="ready" if counts["queued"] else "done",
        **counts,
    )


@pytest.fixture
def interleaved(db: None) -> list[Message]:
    """Three mailings enlisted at the same time: their ids, and so their batches, overlap."""
    chance = random.Random(4)
    mailings = [started(number) for number in range(3)]
    made: list[Message] = []
    for client in range(70):
        for mailing in chance.sample(mailings, 3):
            made.append(row(mailing, client, chance.choices(STATES, (8, 8, 1, 1))[0]))
    Message.objects.bulk_create(made)
    batches: list[Batch] = []
    for mailing in mailings:
        theirs = [message for message in made if message.mailing_id == mailing.id]
        batches += [in_batch(mailing, n, theirs[n : n + 3]) for n in range(0, len(theirs), 3)]
    Batch.objects.bulk_create(batches)
    return made


@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("limit", [1, 5, 200])
@pytest.mark.parametrize("state", [None, *STATES, "sending", "cancelled"])
def test_a_walk_sees_every_message_once_and_in_order(
    interleaved: list[Message], ascending: bool, limit: int, state: str | None
) -> None:
    assert len(interleaved) > 20
    for mailing in {None, interleaved[0].mailing_id}:
        wanted = [
            message.id
            for message in interleaved
            if state in (None, message.state) and mailing in (None, message.mailing_id)
        ]
        if not ascending:
            wanted.reverse()

        found = walked(ascending, limit, mailing=mailing, state=state)

        assert found == wanted


def walked(ascending: bool, limit: int, **filters: Any) -> list[int]:
    found: list[int] = []
    while True:
        walk = Keyset(ascending, found[-1] if found else None, limit)
        page = messages.find(walk, **filters)
        found += [message.id for message in page]
        if len(page) < limit:
            return found


def test_the_messages_of_a_client_are_found_in_every_mailing(interleaved: list[Message]) -> None:
    theirs = [message.id for message in interleaved if message.client_id == 30]

    assert theirs
    assert walked(True, 2, client=30) == theirs
    assert walked(False, 2, client=30) == theirs[::-1]
    assert walked(True, 2, client=1000) == []


def test_a_deleted_client_is_not_known_any_more(interleaved: list[Message]) -> None:
    client = make_client(id=10**9)  # none of the clients of the messages
    Message.objects.filter(id=interleaved[0].id).update(client=client.id)
    assert messages.detailed().get(id=interleaved[0].id).known_client == client.id

    client.delete()

    assert messages.detailed().get(id=interleaved[0].id).known_client is None


@pytest.mark.django_db
def test_no_list_reads_the_messages_from_end_to_end() -> None:
    mailings = [started(number) for number in range(3)]
    with connection.cursor() as cursor:
        for mailing in mailings:
            cursor.execute(MANY, [mailing.id, 1, 20_000])
        cursor.execute(IN_BATCHES)
        cursor.execute("ANALYZE")

    of_one: list[dict[str, Any]] = [{}, {"mailing": mailings[1].id}]
    of_state = [{}, *({"state": state} for state in ("sent", "failed", "unknown", "queued"))]
    for mailing, state in product(of_one, of_state):
        assert rows_read(**mailing, **state) <= 12_000  # of 60,000: only the batches with matches
        assert rows_read(**mailing, **state, client=100) <= 20


def rows_read(**filters: Any) -> int:
    """How many messages were touched to list eleven, by PostgreSQL's own count."""
    before = touched()
    messages.find(Keyset(True, None, 11), **filters)
    return touched() - before


def touched() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_stat_get_xact_tuples_returned(c) + pg_stat_get_xact_tuples_fetched(c) "
            "FROM (SELECT 'dispatch_message'::regclass AS c) t"
        )
        return int(cursor.fetchone()[0])
