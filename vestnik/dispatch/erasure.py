"""Forgetting somebody on request: the number and all that was personal go, the counts stay."""

from dataclasses import dataclass

import structlog
from django.db import transaction
from django.dispatch import Signal

from vestnik.audience.models import Client
from vestnik.audience.stoplist import StopListEntry, hash_of
from vestnik.dispatch import sql
from vestnik.dispatch.withdrawal import delete_client

log = structlog.get_logger(__name__)

#: Sent with `number` before the erasure is committed: who keeps it elsewhere forgets it, too.
erasing = Signal()

# By the number too: it may stand in the messages of an earlier client who was deleted. There is no
# index on it, and an erasure is rare enough to read all messages once. A text is stored where it
# was personalised; null would show the mailing's own.
BLANK_MESSAGES = """
UPDATE dispatch_message SET
    phone_number = '', text = CASE WHEN text IS NOT NULL THEN '' END,
    error = replace(error, %(number)s, '***')
WHERE phone_number = %(number)s OR client_id = %(client)s
"""
BLANK_REFUSED_ROWS = """
UPDATE audience_refusedrow SET cells = '[]'
WHERE regexp_replace(cells::text, '[^0-9]', '', 'g') LIKE %s
"""
# First of all: an import that is taken over just then has the row, and is waited for.
WARN_IMPORTS = """
UPDATE audience_import SET erased = array_append(erased, %s::varchar)
WHERE state IN ('draft', 'waiting', 'running')
"""


@dataclass(frozen=True)
class Erased:
    """What was found of them."""

    messages: int
    on_stop_list: bool


def erase_client(client_id: int) -> Erased | None:
    """Delete a client and blank what is personal in all that stays; None where there is none.

    What is in flight at this moment finishes. On the stop list a keyed hash of the number remains,
    and with the imports that are open, so that it does not come back by one.
    """
    with transaction.atomic():
        number = Client.objects.filter(id=client_id).values_list("phone_number", flat=True).first()
        if number is None:
            return None
        sql.run(WARN_IMPORTS, [hash_of(number)])
        if not delete_client(client_id):
            return None
        blanked = sql.run(BLANK_MESSAGES, {"number": number, "client": client_id})
        sql.run(BLANK_REFUSED_ROWS, [f"%{number[1:]}%"])
        listed = StopListEntry.objects.filter(phone_number=number).update(
            phone_number=None, reason=""
        )
        erasing.send(sender=erase_client, number=number)
    log.info("client erased", client=client_id, messages=blanked)
    return Erased(blanked, bool(listed))
