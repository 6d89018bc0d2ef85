"""Takes back queued messages of clients who are deleted, or whose number is stopped."""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from django.db import OperationalError, transaction

from vestnik.audience.models import Client
from vestnik.db import sql
from vestnik.db.errors import FailureKind, classify_failure, retry_on_conflict
from vestnik.db.lock_ids import ENLISTING_LOCK
from vestnik.dispatch.prepare import new_text
from vestnik.dispatch.states import QUEUED
from vestnik.dispatch.transitions.revoke import (
    CANCEL_GONE_OF_BATCH,
    CANCEL_OF_CLIENTS,
    SUPPRESS_NO_SMS_OF_BATCH,
)
from vestnik.mailings.models import UNDER_WAY_SQL
from vestnik.mailings.rendering import NO_SMS
from vestnik.outages import one_line
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

log = structlog.get_logger(__name__)

#: Seconds that a stop or a deletion waits for a transaction that holds a batch (decision 0039).
LONGEST_WAIT = 2.0
#: Seconds that a periodic job waits, which tries again a second later.
SHORT_WAIT = 0.5
WHY = Reason(Code.CLIENT_DELETED)
DOUBTED = Reason(Code.EARLIER_ATTEMPT)

# The batch is locked before its clients are read: a transaction that sets `recheck` meanwhile
# commits after this one, and the flag stays. With messages in flight the flag stays, too: they may
# return.
LOOK = "SELECT FROM dispatch_batch WHERE id = %s FOR UPDATE"
LOOKED = "UPDATE dispatch_batch SET recheck = in_flight <> '{}' WHERE id = %s AND recheck"

# Give queued messages the number that their client has now (decision 0009). Subqueries instead of a
# join, for which the planner may build a hash of all clients.
READDRESS = f"""
UPDATE dispatch_message m SET
    phone_number = (SELECT phone_number FROM audience_client WHERE id = m.client_id)
FROM dispatch_batch b
WHERE b.id = %s AND m.mailing_id + 0 = b.mailing_id
    AND m.id BETWEEN b.first_message_id AND b.last_message_id
    AND m.state = '{QUEUED}' AND m.phone_number <> '' AND NOT m.id = ANY(b.in_flight)
    AND m.phone_number <> (SELECT phone_number FROM audience_client WHERE id = m.client_id)
RETURNING m.id, m.client_id
"""

# Ids of deleted clients are kept until none of their messages is queued (decision 0179). A chunk
# that read a client before the deletion may still be running; once no chunk is running, every later
# one sees the deletion.
KEEP_DELETED = """
INSERT INTO dispatch_deletedclient (client_id) SELECT unnest(%s::bigint[]) ON CONFLICT DO NOTHING
"""
# In slices by id, so a sweep of many deleted clients holds no lock for long.
DELETED = """
SELECT client_id FROM dispatch_deletedclient WHERE client_id > %s ORDER BY client_id LIMIT %s
"""
NO_CHUNK_AT_WORK = "SELECT pg_try_advisory_xact_lock(%s)"
# A message in flight is `queued` in its row, so its client is kept: it may return to be retried.
FORGET_DELETED = f"""
DELETE FROM dispatch_deletedclient d WHERE client_id = ANY(%s::bigint[]) AND NOT EXISTS (
    SELECT FROM mailings_mailing g
    JOIN dispatch_message m ON m.mailing_id = g.id AND m.client_id = d.client_id
    WHERE g.state IN {UNDER_WAY_SQL} AND m.state = '{QUEUED}'
)
"""
#: Deleted clients swept by one statement.
CLIENTS_AT_ONCE = 500


def delete_client(client_id: int) -> bool:
    """Delete a client; their queued messages become cancelled. Return whether there was one."""
    return delete_clients([client_id]) == 1


def delete_clients(ids: Sequence[int]) -> int:
    """Delete clients; their queued messages become cancelled. Return how many clients there were.

    Messages that another transaction holds, or that a running chunk creates, are refused by the
    mark and taken back by `sweep_deleted`. Messages in flight finish; one that returns to be
    retried is taken back then.
    """
    if there := _deleted(ids):
        try_revoke(CANCEL_OF_CLIENTS, WHY, {"clients": there})
    return len(there)


@retry_on_conflict
def _deleted(ids: Sequence[int]) -> Sequence[int]:
    with transaction.atomic():
        # In the order of the numbers, in which all code locks clients: no deadlocks (decision
        # 0093).
        locked = Client.objects.select_for_update().filter(id__in=ids).order_by("phone_number")
        there = [client.id for client in locked]
        Client.objects.filter(id__in=there).delete()
        sql.run(KEEP_DELETED, [there])
    return there


def sweep_deleted() -> None:
    """Take back queued messages of deleted clients that their deletion could not take back."""
    after = 0
    while some := [client for (client,) in sql.rows(DELETED, [after, CLIENTS_AT_ONCE])]:
        is_sure = sql.value(NO_CHUNK_AT_WORK, [ENLISTING_LOCK])
        if not try_revoke(CANCEL_OF_CLIENTS, WHY, {"clients": some}, SHORT_WAIT):
            return
        if is_sure:
            sql.run(FORGET_DELETED, [some])
        after = some[-1]


def recheck(batch_id: int) -> None:
    """Take back queued messages of deleted clients, and update changed phone numbers, in one batch.

    Called by the worker that releases the batch. As long as messages are in flight, `recheck` stays
    set, and the next worker does it again.
    """
    with transaction.atomic():
        sql.run(LOOK, [batch_id])
        revoke(CANCEL_GONE_OF_BATCH, WHY, {"batch": batch_id})
        if readdressed := sql.rows(READDRESS, [batch_id]):
            new_text.show_new_numbers(batch_id, readdressed)
        revoke(SUPPRESS_NO_SMS_OF_BATCH, NO_SMS, {"batch": batch_id})
        sql.run(LOOKED, [batch_id])


def try_revoke(
    statement: str,
    why: Reason,
    parameters: Mapping[str, Any],
    seconds: float | None = None,
) -> bool:
    """Call `revoke`, waiting at most `seconds` for locks; return whether it was done.

    For messages that no mark lets leave: what is not taken back here is taken back by the mark.
    """
    try:
        with sql.lock_timeout(LONGEST_WAIT if seconds is None else seconds):
            revoke(statement, why, parameters)
    except OperationalError as error:
        if classify_failure(error) is not FailureKind.BUSY:
            raise
        log.info("messages left queued", why=why.code, reason=one_line(error))
        return False
    return True


def revoke(statement: str, why: Reason, parameters: Mapping[str, Any]) -> None:
    """Take queued messages back by a statement of `transitions.revoke`, except those in flight.

    A message whose earlier attempt may have arrived becomes unknown instead.
    """
    given = {
        "why": why.text,
        "reason": why.json,
        "doubted": DOUBTED.text,
        "doubted_reason": DOUBTED.json,
        **parameters,
    }
    sql.run(statement, given)
