"""Erases a client on request: the number and all personal data are removed, the counts stay."""

from dataclasses import dataclass
from typing import Any

import structlog
from django.db import transaction
from django.dispatch import Signal

from vestnik.audience import stop_list
from vestnik.audience.imports import OPEN, ImportState
from vestnik.audience.models import Client
from vestnik.db import sql
from vestnik.db.errors import retry_on_conflict
from vestnik.db.lock_ids import ENLISTING_LOCK
from vestnik.db.sql import literals
from vestnik.dispatch.states import QUEUED
from vestnik.dispatch.suppress.revocation import WHY, delete_client, revoke
from vestnik.dispatch.transitions.revoke import CANCEL_AMONG, CANCEL_OF_CLIENTS
from vestnik.reasons.phone_masking import mask_number

log = structlog.get_logger(__name__)

#: Sent with `number` and `client` (the id) before the erasure is committed, so that other packages
#: remove what they store about them.
erasing = Signal()

# All messages of the client or the number: test sends and messages of a client who was deleted
# earlier have the number alone. Numbers have no index; an erasure is rare enough to read all
# messages once, without a lock (decision 0118).
THEIRS = """
SELECT id FROM dispatch_message WHERE phone_number = %(number)s OR client_id = %(client)s
"""
# Messages created since those were read: one probe for each mailing that may have enlisted since.
LATEST = """
SELECT m.id FROM mailings_mailing g
CROSS JOIN LATERAL (
    SELECT id FROM dispatch_message WHERE mailing_id = g.id AND client_id = %(client)s LIMIT 1
) m
WHERE (g.enlisted_at IS NULL OR g.enlisted_at > clock_timestamp() - interval '1 day')
    AND NOT m.id = ANY(%(ids)s::bigint[])
"""


# A personalised text becomes empty, not null: null would show the mailing's text.
def _blank(which: str) -> str:
    return f"""
UPDATE dispatch_message SET
    phone_number = '', text = CASE WHEN text IS NOT NULL THEN '' END,
    error = replace(replace(error, %(number)s, '***'), %(masked)s, '***'),
    reason = replace(replace(reason::text, %(number)s, '***'), %(masked)s, '***')::jsonb
WHERE id = ANY(%(ids)s::bigint[]) AND {which}
"""


PAST = f"state <> '{QUEUED}' AND phone_number <> ''"
BLANK_PAST = _blank(PAST)
BLANK_REST = _blank("phone_number <> ''")
# Receipts lock messages of several mailings in their own order. A transaction that waits for one of
# them must hold none itself, so locked rows are skipped here and updated one by one afterwards.
NOBODY_HOLDS = f"""
SELECT id FROM dispatch_message WHERE id = ANY(%(ids)s::bigint[]) AND {PAST}
FOR UPDATE SKIP LOCKED
"""
BLANK_FREE = _blank(f"id IN ({NOBODY_HOLDS})")
NOT_BLANKED = f"SELECT id FROM dispatch_message WHERE id = ANY(%(ids)s::bigint[]) AND {PAST}"
#: Messages blanked by one statement.
AT_ONCE = 500
# Exclusive: waits for the chunks that are being enlisted, which may include the client.
WAIT_FOR_CHUNKS = "SELECT pg_advisory_xact_lock(%s)"
FORGET_TEXTS_OF = "DELETE FROM dispatch_inboundtext WHERE phone_number = %s"
# Refused rows of imports, whose cells may have the number in any notation: digits alone are
# compared, without the first one, which may be 7, 8 or missing.
BLANK_REFUSED_ROWS = """
UPDATE audience_refusedrow SET cells = '[]'
WHERE regexp_replace(cells::text, '[^0-9]', '', 'g') LIKE %s
"""
UNFINISHED = (ImportState.DRAFT, *OPEN)
# The first statement of the transaction: an import that is committing at this moment holds its row,
# and is waited for.
WARN_IMPORTS = f"""
UPDATE audience_import SET erased = array_append(erased, %s::varchar)
WHERE state IN {literals(UNFINISHED)}
"""


@dataclass(frozen=True)
class ErasureResult:
    """The result of an erasure: how many messages, and whether the number is on the stop list."""

    messages: int
    on_stop_list: bool


def erase_client(client_id: int) -> ErasureResult | None:
    """Delete a client and blank all personal data about them; return None if there is no client.

    Messages in flight finish. A keyed hash of the number stays on the stop list and with unfinished
    imports, so that no file uploaded earlier brings the number back (decision 0116). The client is
    deleted last: after an interruption, erasing again does the rest.
    """
    clients = Client.objects.filter(id=client_id)
    while number := clients.values_list("phone_number", flat=True).first():
        revoke(CANCEL_OF_CLIENTS, WHY, {"clients": [client_id]})
        ids = _blank_past(client_id, number)
        if (erased := _erase(client_id, number, ids)) is not None:
            return erased
    return None


def _blank_past(client_id: int, number: str) -> list[int]:
    """Blank the settled messages of the client or the number; return the ids of all of them.

    The whole table is read without locks. Rows that another transaction has locked are updated one
    by one afterwards, so this transaction never holds one row while it waits for another.
    """
    given = {"number": number, "client": client_id}
    ids = [message for (message,) in sql.rows(THEIRS, given)]
    for start in range(0, len(ids), AT_ONCE):
        some = _blanking(number, ids[start : start + AT_ONCE])
        sql.run(BLANK_FREE, some)
        for (message,) in sql.rows(NOT_BLANKED, some):
            sql.run(BLANK_PAST, _blanking(number, [message]))
    return ids


def _blanking(number: str, ids: list[int]) -> dict[str, Any]:
    """Return the parameters of `_blank`; a gateway's words have the number masked."""
    return {"number": number, "masked": mask_number(number), "ids": ids}


@retry_on_conflict
def _erase(client_id: int, number: str, ids: list[int]) -> ErasureResult | None:
    """Delete the client and blank the rest; return None if they are gone or have another number.

    What needs no lock comes first, so enlisting waits only for the statements after the lock.
    """
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
        sql.run(BLANK_REST, _blanking(number, ids))
        listed = stop_list.erase(number)
    log.info("client erased", client=client_id, messages=len(ids))
    return ErasureResult(len(ids), listed)
