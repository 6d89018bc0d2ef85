"""Taking back what has not left: a client is deleted, or a number stopped, while mailings run."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from vestnik.audience.models import Client
from vestnik.dispatch import sql
from vestnik.dispatch.enlist import CLIENTS_LOCK

# The batch's row is locked before the message's is touched, so what a worker has marked by then
# counts as in flight and finishes. `recheck` makes a worker that has the batch loaded let go of
# it before its next flight. `theirs` are the messages: `id` and `mailing_id`.
TAKE_BACK = """
WITH {theirs},
held AS (
    SELECT b.id, theirs.id AS message_id
    FROM dispatch_batch b
    JOIN theirs ON theirs.mailing_id = b.mailing_id
        AND theirs.id BETWEEN b.first_message_id AND b.last_message_id
    WHERE NOT theirs.id = ANY(b.in_flight)
    ORDER BY b.id
    FOR UPDATE OF b
),
withdrawn AS (
    UPDATE dispatch_message m SET state = '{state}', error = %(why)s
    FROM held WHERE m.id = held.message_id AND m.state = 'queued'
    RETURNING held.id
),
counted AS (SELECT id, count(*) AS n FROM withdrawn GROUP BY id)
UPDATE dispatch_batch b SET
    queued = b.queued - n, {state} = b.{state} + n, recheck = b.state = 'claimed',
    state = CASE WHEN b.state <> 'claimed' AND b.queued = n THEN 'done' ELSE b.state END
FROM counted WHERE b.id = counted.id
"""

# The unique index finds the messages by one probe a mailing under way.
OF_CLIENT = """
theirs AS (
    SELECT m.id, m.mailing_id
    FROM mailings_mailing g
    JOIN dispatch_message m ON m.mailing_id = g.id AND m.client_id = %(client)s
    WHERE g.state IN ('running', 'paused') AND m.state = 'queued'
)
"""


def delete_client(client_id: int) -> bool:
    """Delete a client; their queued messages become cancelled. False where there is none.

    What is in flight at this moment finishes.
    """
    with transaction.atomic():
        sql.run("SELECT pg_advisory_xact_lock(%s)", [CLIENTS_LOCK])
        deleted, _ = Client.objects.filter(id=client_id).delete()
        if deleted:
            take_back(OF_CLIENT, "cancelled", "the client was deleted", {"client": client_id})
    return bool(deleted)


def take_back(theirs: str, state: str, why: str, parameters: Mapping[str, Any]) -> None:
    """Bring queued messages to that state, except what is in flight."""
    sql.run(TAKE_BACK.format(theirs=theirs, state=state), {"why": why, **parameters})
