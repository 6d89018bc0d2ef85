"""The audience of a launched mailing becomes messages, in batches.

Always to the frozen bound, also while paused, after the end or after a cancel: `matched` is then
the same number whatever happened meanwhile. What is made after the end is born `expired`, after a
cancel `cancelled`.
"""

import structlog
from django.db import connection, transaction

from vestnik.audience.filters import matching
from vestnik.dispatch import hints
from vestnik.dispatch.models import Enlistment
from vestnik.mailings.models import Mailing
from vestnik.mailings.window import Clock

log = structlog.get_logger(__name__)

BATCH_SIZE = 1000
# The first chunk is small, so that sending begins at once; 50,000 a transaction made a million
# rows fastest (155,000 a second).
FIRST_CHUNK, CHUNK = 1_000, 20_000
# Deleting a client waits for the chunk that may be reading it, and the next chunk for the delete.
CLIENTS_LOCK = 0x76657374

# One statement makes the messages, cuts them into batches, and says how far it came. Batches are
# cut from the rows really made, so their counts cannot differ from them.
ENLIST = """
WITH picked AS MATERIALIZED ({clients}),
born AS (
    SELECT id AS mailing_id, segments, CASE
        WHEN state = 'cancelled' THEN 'cancelled'
        WHEN state IN ('running', 'paused') AND ends_at > clock_timestamp() THEN 'queued'
        ELSE 'expired' END AS state
    FROM mailings_mailing WHERE id = %s
),
made AS (
    INSERT INTO dispatch_message
        (mailing_id, client_id, phone_number, state, segments, attempts)
    SELECT born.mailing_id, picked.id, picked.phone_number, born.state, born.segments, 0
    FROM picked, born ORDER BY picked.id
    ON CONFLICT DO NOTHING
    RETURNING id
),
numbered AS (SELECT id, (row_number() OVER (ORDER BY id) - 1) / %s AS n FROM made),
batches AS (
    INSERT INTO dispatch_batch
        (mailing_id, number, first_message_id, last_message_id, size, state,
         queued, expired, cancelled)
    SELECT born.mailing_id, %s + n, min(numbered.id), max(numbered.id), count(*),
        CASE born.state WHEN 'queued' THEN 'ready' ELSE 'done' END,
        CASE born.state WHEN 'queued' THEN count(*) ELSE 0 END,
        CASE born.state WHEN 'expired' THEN count(*) ELSE 0 END,
        CASE born.state WHEN 'cancelled' THEN count(*) ELSE 0 END
    FROM numbered, born GROUP BY born.mailing_id, born.state, n
    RETURNING id
)
SELECT (SELECT count(*) FROM picked), (SELECT max(id) FROM picked), (SELECT count(*) FROM batches)
"""


def enlist(mailing_id: int) -> None:
    """Enlist to the bound, chunk by chunk; returns at once where there is nothing to do."""
    provider = Mailing.objects.values_list("provider", flat=True).get(id=mailing_id)
    while enlist_chunk(mailing_id):
        hints.call_to_work(provider)
    hints.call_to_work(provider)


def enlist_chunk(mailing_id: int) -> bool:
    """Enlist the next chunk; False where none is left, or somebody else is at it."""
    with transaction.atomic():
        enlistment = (
            Enlistment.objects.select_for_update(skip_locked=True)
            .filter(mailing=mailing_id, complete=False)
            .first()
        )
        if enlistment is None:
            return False
        size = CHUNK if enlistment.next_number else FIRST_CHUNK
        picked, last, batches = _make_messages(enlistment, size)
        enlistment.cursor = last or enlistment.bound
        enlistment.next_number += batches
        enlistment.complete = picked < size
        enlistment.save()
        if enlistment.complete:
            Mailing.objects.filter(id=mailing_id).update(enlisted_at=Clock())
            log.info("mailing enlisted", mailing=mailing_id, batches=enlistment.next_number)
    return not enlistment.complete


def _make_messages(enlistment: Enlistment, size: int) -> tuple[int, int | None, int]:
    clients = matching(enlistment.mailing.filter).filter(
        id__gt=enlistment.cursor, id__lte=enlistment.bound
    )
    sql, parameters = (
        clients.order_by("id").values_list("id", "phone_number")[:size].query.sql_with_params()
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [CLIENTS_LOCK])
        cursor.execute(
            ENLIST.format(clients=sql),
            [*parameters, enlistment.mailing_id, BATCH_SIZE, enlistment.next_number],
        )
        picked, last, batches = cursor.fetchone()
    return picked, last, batches
