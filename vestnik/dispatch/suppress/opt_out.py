"""The stop list and what is under way: a number that is put on it gets nothing more, at once.

At enlisting the list is asked as well, and once more when a flight is marked, by the messages' own
numbers: from the moment at which a number is on the list, no flight with it is marked. What is on
its way at that moment finishes; should it come back to be tried again, that mark takes it then.
"""

from collections.abc import Collection

import structlog
from django.db import transaction

from vestnik.audience.importing.staging import FINAL_LOCK
from vestnik.audience.phone_parsing import normalised
from vestnik.audience.stop_list import Source, put
from vestnik.audience.stop_words import is_stop
from vestnik.db import sql
from vestnik.db.advisory_lock import alone
from vestnik.db.errors import retried
from vestnik.db.sql import array
from vestnik.dispatch.models import InboundText
from vestnik.dispatch.suppress.revocation import QUEUED_OF_BATCH, take_back, take_back_soon
from vestnik.providers.base import Inbound

log = structlog.get_logger(__name__)

WHY = "stop list"

# A client's number may have changed since: the message's own is what counts.
# From the few on the list to their messages, a probe of an index each: left to itself the planner
# takes a new mailing for small, and read its 100,000 messages once for each batch, 1.4 s a tick.
STOPPED = """
stopped AS MATERIALIZED (
    SELECT s.phone_number, c.id FROM audience_stoplistentry s
    CROSS JOIN LATERAL (
        SELECT id FROM audience_client WHERE phone_number = s.phone_number LIMIT 1
    ) c
    WHERE {which}
),
theirs AS MATERIALIZED (
    SELECT m.id, g.id AS mailing_id
    FROM mailings_mailing g
    CROSS JOIN stopped s
    CROSS JOIN LATERAL (
        SELECT id FROM dispatch_message
        WHERE mailing_id = g.id AND client_id = s.id AND phone_number = s.phone_number
            AND state = 'queued' LIMIT 1
    ) m
    WHERE g.state IN ('running', 'paused') AND {of}
)
"""
OF_NUMBERS = STOPPED.format(which="s.phone_number = ANY(%(numbers)s)", of="true")
OF_ENTRIES = STOPPED.format(which="s.id = ANY(%(entries)s::bigint[])", of="g.id = %(mailing)s")
# By the messages' own numbers, whoever's they are by now: of a test, of a client whose number was
# changed. There is no index on them, so it is asked of a batch alone.
LISTED = """
CROSS JOIN LATERAL (
    SELECT FROM audience_stoplistentry WHERE phone_number = m.phone_number LIMIT 1
) s
"""
OF_BATCH = QUEUED_OF_BATCH.format(also=LISTED, which="")
TEXTS_KEPT_DAYS = 366
FORGET_TEXTS = """
DELETE FROM dispatch_inboundtext WHERE received_at < clock_timestamp() - %s * interval '1 day'
"""
NUMBERS_AT_ONCE = 500
#: Held by the one sweep of all processes.
SWEEP_LOCK = 0x76737770

# What was on the list well before the launch was seen at enlisting; an import of the list writes
# its entries with the instant at which its transaction began.
BEHIND = """
SELECT e.mailing_id, newest.id, coalesce(e.stop_list_cursor, (
        SELECT min(id) - 1 FROM audience_stoplistentry
        WHERE created_at >= g.started_at - interval '10 minutes'
    ), newest.id) AS cursor
FROM mailings_mailing g JOIN dispatch_enlistment e ON e.mailing_id = g.id
CROSS JOIN (SELECT max(id) AS id FROM audience_stoplistentry) newest
WHERE g.state IN ('running', 'paused') AND e.complete AND newest.id IS NOT NULL
    AND (e.stop_list_cursor IS NULL OR e.stop_list_cursor < newest.id)
ORDER BY e.mailing_id
"""
NEW_ENTRIES = """
SELECT id FROM audience_stoplistentry WHERE id > %s AND id <= %s ORDER BY id LIMIT %s
"""
#: More new entries than these are looked for batch by batch: each batch is then locked once.
FEW_ENTRIES = 2_000
QUEUED_BATCHES = """
SELECT id FROM dispatch_batch WHERE mailing_id = %s AND queued > 0 ORDER BY id
"""
SWEPT = "UPDATE dispatch_enlistment SET stop_list_cursor = %s WHERE mailing_id = %s"


def stop(numbers: Collection[str], source: Source, reason: str = "") -> int:
    """Put numbers on the stop list and take back what is queued for them; how many are new on it.

    They are on the list before anything is waited for, and nothing more is sent to them from then
    on. What is held by others just then, or being enlisted, is taken back by the mark that would
    let it leave.
    """
    added = _listed(numbers, source, reason)
    given = sorted(set(numbers))
    for start in range(0, len(given), NUMBERS_AT_ONCE):
        some = given[start : start + NUMBERS_AT_ONCE]
        if not take_back_soon(OF_NUMBERS, "suppressed", WHY, {"numbers": some}):
            break
    log.info("numbers stopped", source=source, added=added, given=len(numbers))
    return added


@retried
def _listed(numbers: Collection[str], source: Source, reason: str) -> int:
    with transaction.atomic():
        return put(numbers, source, reason)


def sweep() -> None:
    """Take back what is queued for numbers that came onto the list since, as by imports of it.

    One sweep at a time in all processes. Each mailing has a cursor in the list. Messages are found
    by probes of an index, some at a time: a sweep of 400,000 numbers holds nobody up.
    """
    with alone(SWEEP_LOCK) as ours:
        if ours:
            for mailing, newest, cursor in _behind():
                _sweep_mailing(mailing, cursor, newest)
                sql.run(SWEPT, [newest, mailing])


def _behind() -> list[tuple[int, int, int]]:
    """Mailings whose cursor is behind the list's newest entry. None while an import is writing to
    it: its entries have lower numbers than others that are there before them."""
    with transaction.atomic():
        is_quiet = sql.value("SELECT pg_try_advisory_xact_lock_shared(%s)", [FINAL_LOCK])
        return sql.rows(BEHIND) if is_quiet else []


def _sweep_mailing(mailing: int, cursor: int, newest: int) -> None:
    entries = [id for (id,) in sql.rows(NEW_ENTRIES, [cursor, newest, FEW_ENTRIES + 1])]
    if len(entries) > FEW_ENTRIES:
        for (batch,) in sql.rows(QUEUED_BATCHES, [mailing]):
            sweep_batch(batch)
        return
    for start in range(0, len(entries), NUMBERS_AT_ONCE):
        some = array(entries[start : start + NUMBERS_AT_ONCE])
        take_back(OF_ENTRIES, "suppressed", WHY, {"entries": some, "mailing": mailing})


def sweep_batch(batch_id: int) -> None:
    """Take back what is queued in one batch, by the numbers of its messages."""
    take_back(OF_BATCH, "suppressed", WHY, {"batch": batch_id})


def obey(messages: Collection[Inbound]) -> None:
    """Stop the numbers of those who wrote a stop word; that they wrote is kept, for conditions on
    who answered a mailing."""
    heard = []
    for message in messages:
        number = normalised(message.phone_number)
        asks = is_stop(message.text)
        log.info("inbound message", provider=message.alias, length=len(message.text), stop=asks)
        if asks and number:
            stop([number], Source.INBOUND, f"wrote to {message.alias}")
        if number:
            heard.append(InboundText(phone_number=number, alias=message.alias))
    InboundText.objects.bulk_create(heard)


def forget_old_texts() -> None:
    """Drop what is kept of texts to us after a year."""
    sql.run(FORGET_TEXTS, [TEXTS_KEPT_DAYS])
