"""The audience of a launched mailing becomes messages, in batches.

Always to the frozen bound, also while paused, after the end or after a cancel: `matched` is then
the same number whatever happened meanwhile. What is made after the end is born `expired`, after a
cancel `cancelled`, and who must not or cannot be written to `suppressed`, with the reason.
"""

import structlog
from django.db import connection, transaction

from vestnik.dispatch import hints, hours
from vestnik.dispatch.models import Enlistment
from vestnik.dispatch.recipients import picked, recipients, rendered
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
WITH picked AS MATERIALIZED ({picked}),
recipients AS ({recipients}),
born AS (
    SELECT id AS mailing_id, segments, CASE
        WHEN state = 'cancelled' THEN 'cancelled'
        WHEN state IN ('running', 'paused') AND ends_at > clock_timestamp() THEN 'queued'
        ELSE 'expired' END AS state
    FROM mailings_mailing WHERE id = %s
),
made AS (
    INSERT INTO dispatch_message
        (mailing_id, client_id, phone_number, state, segments, attempts, text, error, text_version)
    SELECT born.mailing_id, r.id, r.phone_number,
        CASE WHEN r.why IS NULL THEN born.state ELSE 'suppressed' END,
        CASE WHEN r.why IS NULL THEN coalesce(r.segments, born.segments) ELSE 0 END, 0,
        CASE WHEN r.why IS NULL THEN r.text END, r.why, %s
    FROM recipients r, born ORDER BY {order}
    ON CONFLICT DO NOTHING
    RETURNING id, client_id, error IS NULL AS goes
),
numbered AS ({numbered}),
cut AS (
    SELECT timezone, min(id) AS first, max(id) AS last, count(*) AS size,
        count(*) FILTER (WHERE goes) AS going
    FROM numbered GROUP BY timezone, n
),
batches AS (
    INSERT INTO dispatch_batch
        (mailing_id, number, first_message_id, last_message_id, size, state,
         queued, expired, cancelled, suppressed, timezone, text_version)
    SELECT born.mailing_id, %s + row_number() OVER (ORDER BY first) - 1, first, last, size,
        CASE WHEN born.state = 'queued' AND going > 0 THEN 'ready' ELSE 'done' END,
        CASE born.state WHEN 'queued' THEN going ELSE 0 END,
        CASE born.state WHEN 'expired' THEN going ELSE 0 END,
        CASE born.state WHEN 'cancelled' THEN going ELSE 0 END, size - going, timezone, %s
    FROM cut, born
    RETURNING id
)
SELECT (SELECT count(*) FROM picked), (SELECT max(id) FROM picked), (SELECT count(*) FROM batches)
"""


# With local hours a batch is of one time zone, so that it opens and closes as a whole.
ALL_ALIKE = {
    "order": "r.id",
    "numbered": """
    SELECT id, goes, NULL::text AS timezone, (row_number() OVER (ORDER BY id) - 1) / %s AS n
    FROM made""",
}
BY_ZONE = {
    "order": "r.timezone, r.id",
    "numbered": """
    SELECT m.id, m.goes, p.timezone,
        (row_number() OVER (PARTITION BY p.timezone ORDER BY m.id) - 1) / %s AS n
    FROM made m JOIN picked p ON p.id = m.client_id""",
}


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
        taken, last, batches = _make_messages(enlistment, size)
        if enlistment.mailing.local_hours is not None:
            hours.schedule(enlistment.mailing, enlistment.next_number)
        enlistment.cursor = last or enlistment.bound
        enlistment.next_number += batches
        enlistment.complete = taken < size
        enlistment.save()
        if enlistment.complete:
            Mailing.objects.filter(id=mailing_id).update(enlisted_at=Clock())
            log.info("mailing enlisted", mailing=mailing_id, batches=enlistment.next_number)
    return not enlistment.complete


def _make_messages(enlistment: Enlistment, size: int) -> tuple[int, int | None, int]:
    clients = recipients(enlistment.mailing.filter).filter(
        id__gt=enlistment.cursor, id__lte=enlistment.bound
    )
    text, version = enlistment.mailing.text, enlistment.mailing.text_version
    picked_sql, parameters = picked(text, clients.order_by("id")[:size])
    statement = ENLIST.format(
        picked=f"{picked_sql} ORDER BY c.id",
        recipients=rendered(text, "SELECT * FROM picked"),
        **(ALL_ALIKE if enlistment.mailing.local_hours is None else BY_ZONE),
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [CLIENTS_LOCK])
        cursor.execute(
            statement,
            [
                *parameters,
                enlistment.mailing_id,
                version,
                BATCH_SIZE,
                enlistment.next_number,
                version,
            ],
        )
        found, last, batches = cursor.fetchone()
    return found, last, batches
