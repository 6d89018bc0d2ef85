"""The stop list and what is under way: a number that is put on it gets nothing more, at once.

At enlisting the list is asked as well. What is on its way at that moment finishes; should it come
back to be tried again, the tick's sweep takes it then.
"""

from collections.abc import Collection

import structlog
from django.db import transaction

from vestnik.audience.importing.numbers import normalised
from vestnik.audience.stoplist import Source, put
from vestnik.audience.stopwords import is_stop
from vestnik.dispatch import sql
from vestnik.dispatch.enlist import CLIENTS_LOCK
from vestnik.providers.base import Inbound

log = structlog.get_logger(__name__)

WHY = "stop list"

# As withdrawal.CANCEL_QUEUED, for several numbers: the batches' rows are locked first, so what a
# worker has marked by then finishes; `recheck` makes a worker that has a batch loaded let go of it.
# A client's number may have changed since: the message's own is what counts.
# From the few on the list to their messages, a probe of an index each: left to itself the planner
# takes a new mailing for small, and read its 100,000 messages once for each batch, 1.4 s a tick.
SUPPRESS = """
WITH stopped AS MATERIALIZED (
    SELECT s.phone_number, s.created_at, c.id FROM audience_stoplistentry s
    CROSS JOIN LATERAL (
        SELECT id FROM audience_client WHERE phone_number = s.phone_number LIMIT 1
    ) c
    WHERE {which}
),
theirs AS MATERIALIZED (
    SELECT m.id, g.id AS mailing_id
    FROM mailings_mailing g
    JOIN stopped s ON {since}
    CROSS JOIN LATERAL (
        SELECT id FROM dispatch_message
        WHERE mailing_id = g.id AND client_id = s.id AND phone_number = s.phone_number
            AND state = 'queued' LIMIT 1
    ) m
    WHERE g.state IN ('running', 'paused')
),
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
    UPDATE dispatch_message m SET state = 'suppressed', error = %s
    FROM held WHERE m.id = held.message_id AND m.state = 'queued'
    RETURNING held.id
),
counted AS (SELECT id, count(*) AS n FROM withdrawn GROUP BY id)
UPDATE dispatch_batch b SET
    queued = b.queued - n, suppressed = b.suppressed + n, recheck = b.state = 'claimed',
    state = CASE WHEN b.state <> 'claimed' AND b.queued = n THEN 'done' ELSE b.state END
FROM counted WHERE b.id = counted.id
"""
OF_NUMBERS = SUPPRESS.format(which="s.phone_number = ANY(%s)", since="true")
# What was on the list before the launch was seen at enlisting, and those after it are few. The
# earliest launch is given as a value: only so does the planner know how few.
SINCE_THE_LAUNCH = SUPPRESS.format(which="s.created_at >= %s", since="s.created_at >= g.started_at")
FIRST_LAUNCH = """
SELECT min(started_at) FROM mailings_mailing WHERE state IN ('running', 'paused')
"""


def stop(numbers: Collection[str], source: Source, reason: str = "") -> int:
    """Put numbers on the stop list and take back what is queued for them; how many are new on it.

    A chunk that is being enlisted may have read the list before: it is waited for.
    """
    with transaction.atomic():
        sql.run("SELECT pg_advisory_xact_lock(%s)", [CLIENTS_LOCK])
        added = put(numbers, source, reason)
        sql.run(OF_NUMBERS, [list(numbers), WHY])
    log.info("numbers stopped", source=source, added=added, given=len(numbers))
    return added


def sweep() -> None:
    """Take back what came to be queued after its number was stopped, as imports of the list do."""
    if (first := sql.value(FIRST_LAUNCH)) is not None:
        sql.run(SINCE_THE_LAUNCH, [first, WHY])


def obey(messages: Collection[Inbound]) -> None:
    """Stop whoever of these wrote a stop word."""
    for message in messages:
        number = normalised(message.phone_number)
        asks = is_stop(message.text)
        log.info("inbound message", provider=message.alias, length=len(message.text), stop=asks)
        if asks and number:
            stop([number], Source.INBOUND, f"wrote to {message.alias}")
