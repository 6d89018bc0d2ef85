"""Taking back what has not left: a client is deleted while mailings run."""

from django.db import transaction

from vestnik.audience.models import Client
from vestnik.dispatch import sql
from vestnik.dispatch.enlist import CLIENTS_LOCK

# The batch's row is locked before the message's is touched, so what a worker has marked by then
# counts as in flight and finishes. `recheck` makes a worker that has the batch loaded let go of
# it before its next flight. The unique index finds the messages by one probe a mailing under way.
CANCEL_QUEUED = """
WITH theirs AS (
    SELECT m.id, m.mailing_id
    FROM mailings_mailing g
    JOIN dispatch_message m ON m.mailing_id = g.id AND m.client_id = %s
    WHERE g.state IN ('running', 'paused') AND m.state = 'queued'
),
held AS (
    SELECT b.id, theirs.id AS message_id
    FROM dispatch_batch b
    JOIN theirs ON theirs.mailing_id = b.mailing_id
        AND theirs.id BETWEEN b.first_message_id AND b.last_message_id
    WHERE NOT theirs.id = ANY(b.in_flight)
    FOR UPDATE OF b
),
withdrawn AS (
    UPDATE dispatch_message m SET state = 'cancelled', error = 'the client was deleted'
    FROM held WHERE m.id = held.message_id AND m.state = 'queued'
    RETURNING held.id
)
UPDATE dispatch_batch b SET
    queued = b.queued - 1, cancelled = b.cancelled + 1, recheck = b.state = 'claimed',
    state = CASE WHEN b.state <> 'claimed' AND b.queued = 1 THEN 'done' ELSE b.state END
FROM withdrawn WHERE b.id = withdrawn.id
"""


def delete_client(client_id: int) -> bool:
    """Delete a client; their queued messages become cancelled. False where there is none.

    What is in flight at this moment finishes.
    """
    with transaction.atomic():
        sql.run("SELECT pg_advisory_xact_lock(%s)", [CLIENTS_LOCK])
        deleted, _ = Client.objects.filter(id=client_id).delete()
        if deleted:
            sql.run(CANCEL_QUEUED, [client_id])
    return bool(deleted)
