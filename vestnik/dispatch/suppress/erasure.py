"""Forgetting somebody on request: the number and all that was personal go, the counts stay."""

from dataclasses import dataclass

import structlog
from django.db import transaction
from django.dispatch import Signal

from vestnik.audience import stop_list
from vestnik.audience.imports import ImportState
from vestnik.audience.models import Client
from vestnik.db import sql
from vestnik.db.errors import retry_on_conflict
from vestnik.db.lock_ids import ENLISTING_LOCK
from vestnik.db.sql import literals
from vestnik.dispatch.states import QUEUED
from vestnik.dispatch.suppress.revocation import WHY, delete_client, revoke
from vestnik.dispatch.transitions.revoke import CANCEL_AMONG, CANCEL_OF_CLIENTS

log = structlog.get_logger(__name__)

#: Sent with `number` and `client`, its id, before the erasure is committed: who keeps either
#: elsewhere forgets it, too.
erasing = Signal()

# By the number too: it may stand in the messages of an earlier client who was deleted, or in tests.
# There is no index on it, and an erasure is rare enough to read all messages once, without a lock.
THEIRS = """
SELECT id FROM dispatch_message WHERE phone_number = %(number)s OR client_id = %(client)s
"""
# Made since they were read, by one probe for each mailing that may have enlisted somebody since.
LATEST = """
SELECT m.id FROM mailings_mailing g
CROSS JOIN LATERAL (
    SELECT id FROM dispatch_message WHERE mailing_id = g.id AND client_id = %(client)s LIMIT 1
) m
WHERE (g.enlisted_at IS NULL OR g.enlisted_at > clock_timestamp() - interval '1 day')
    AND NOT m.id = ANY(%(ids)s::bigint[])
"""


# A text is stored where it was personalised; null would show the mailing's own.
def _blank(which: str) -> str:
    return f"""
UPDATE dispatch_message SET
    phone_number = '', text = CASE WHEN text IS NOT NULL THEN '' END,
    error = replace(error, %(number)s, '***'),
    reason = replace(reason::text, %(number)s, '***')::jsonb
WHERE id = ANY(%(ids)s::bigint[]) AND {which}
"""


PAST = f"state <> '{QUEUED}' AND phone_number <> ''"
BLANK_PAST = _blank(PAST)
BLANK_REST = _blank("phone_number <> ''")
# Receipts hold messages of several mailings as well, in an order of their own: what waits for one
# of those must hold none itself.
NOBODY_HOLDS = f"""
SELECT id FROM dispatch_message WHERE id = ANY(%(ids)s::bigint[]) AND {PAST}
FOR UPDATE SKIP LOCKED
"""
BLANK_FREE = _blank(f"id IN ({NOBODY_HOLDS})")
NOT_BLANKED = f"SELECT id FROM dispatch_message WHERE id = ANY(%(ids)s::bigint[]) AND {PAST}"
AT_ONCE = 500
# Whoever is enlisted just then is waited for.
WAIT_FOR_CHUNKS = "SELECT pg_advisory_xact_lock(%s)"
FORGET_TEXTS_OF = "DELETE FROM dispatch_inboundtext WHERE phone_number = %s"
BLANK_REFUSED_ROWS = """
UPDATE audience_refusedrow SET cells = '[]'
WHERE regexp_replace(cells::text, '[^0-9]', '', 'g') LIKE %s
"""
UNFINISHED = (ImportState.DRAFT, ImportState.WAITING, ImportState.RUNNING)
# First of all: an import that is taken over just then has the row, and is waited for.
WARN_IMPORTS = f"""
UPDATE audience_import SET erased = array_append(erased, %s::varchar)
WHERE state IN {literals(UNFINISHED)}
"""


@dataclass(frozen=True)
class ErasureResult:
    """What was found of them."""

    messages: int
    on_stop_list: bool


def erase_client(client_id: int) -> ErasureResult | None:
    """Delete a client and blank what is personal in all that stays; None where there is none.

    What is in flight at this moment finishes. On the stop list a keyed hash of the number remains,
    and with the imports that are open, so that it does not come back by one. The client is there
    until all is done: where it breaks off, erasing again does the rest.
    """
    clients = Client.objects.filter(id=client_id)
    while number := clients.values_list("phone_number", flat=True).first():
        revoke(CANCEL_OF_CLIENTS, WHY, {"clients": [client_id]})
        ids = _blank_past(client_id, number)
        if (erased := _erase(client_id, number, ids)) is not None:
            return erased
    return None


def _blank_past(client_id: int, number: str) -> list[int]:
    """The ids of all messages; those that have left us or never will are blanked.

    All of the table is read, and rows that somebody else has locked are waited for, one by one: so
    nothing is locked meanwhile for which others would have to wait.
    """
    given = {"number": number, "client": client_id}
    ids = [message for (message,) in sql.rows(THEIRS, given)]
    for start in range(0, len(ids), AT_ONCE):
        some = {"number": number, "ids": ids[start : start + AT_ONCE]}
        sql.run(BLANK_FREE, some)
        for (message,) in sql.rows(NOT_BLANKED, some):
            sql.run(BLANK_PAST, {"number": number, "ids": [message]})
    return ids


@retry_on_conflict
def _erase(client_id: int, number: str, ids: list[int]) -> ErasureResult | None:
    """Delete the client, with all that is quickly found; None where they were deleted meanwhile,
    or have another number by now. Whoever is stopped or enlisted waits only for what comes after
    the lock."""
    with transaction.atomic():
        sql.run(WARN_IMPORTS, [stop_list.hash_of(number)])
        sql.run(BLANK_REFUSED_ROWS, [f"%{number[1:]}%"])
        sql.run(FORGET_TEXTS_OF, [number])
        erasing.send(sender=erase_client, number=number, client=client_id)
        sql.run(WAIT_FOR_CHUNKS, [ENLISTING_LOCK])
        client = Client.objects.select_for_update().filter(id=client_id, phone_number=number)
        if not client.exists():
            transaction.set_rollback(True)
            return None
        delete_client(client_id)
        latest = sql.rows(LATEST, {"client": client_id, "ids": ids})
        ids = [*ids, *(message for (message,) in latest)]
        revoke(CANCEL_AMONG, WHY, {"ids": ids})
        sql.run(BLANK_REST, {"number": number, "ids": ids})
        listed = stop_list.erase(number)
    log.info("client erased", client=client_id, messages=len(ids))
    return ErasureResult(len(ids), listed)
