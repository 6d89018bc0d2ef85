"""The stop list and what is under way: a number that is put on it gets nothing more, at once.

At enlisting the list is asked as well, and once more when a flight is marked, by the messages' own
numbers. What is on its way at that moment finishes; should it come back to be tried again, the
tick's sweep or that mark takes it then.
"""

from collections.abc import Collection

import structlog
from django.db import transaction

from vestnik.audience.phone_parsing import normalised
from vestnik.audience.stoplist import Source, put
from vestnik.audience.stopwords import is_stop
from vestnik.db.trouble import retried
from vestnik.dispatch import sql
from vestnik.dispatch.enlist import CLIENTS_LOCK
from vestnik.dispatch.models import InboundText
from vestnik.dispatch.withdrawal import QUEUED_OF_BATCH, take_back
from vestnik.providers.base import Inbound

log = structlog.get_logger(__name__)

WHY = "stop list"

# A client's number may have changed since: the message's own is what counts.
# From the few on the list to their messages, a probe of an index each: left to itself the planner
# takes a new mailing for small, and read its 100,000 messages once for each batch, 1.4 s a tick.
STOPPED = """
stopped AS MATERIALIZED (
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
)
"""
OF_NUMBERS = STOPPED.format(which="s.phone_number = ANY(%(numbers)s)", since="true")
# What was on the list before the launch was seen at enlisting, and those after it are few. The
# earliest launch is given as a value: only so does the planner know how few.
SINCE_THE_LAUNCH = STOPPED.format(
    which="s.created_at >= %(first)s", since="s.created_at >= g.started_at"
)
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
FIRST_LAUNCH = """
SELECT min(started_at) FROM mailings_mailing WHERE state IN ('running', 'paused')
"""


@retried
def stop(numbers: Collection[str], source: Source, reason: str = "") -> int:
    """Put numbers on the stop list and take back what is queued for them; how many are new on it.

    A chunk that is being enlisted may have read the list before: it is waited for.
    """
    with transaction.atomic():
        sql.run("SELECT pg_advisory_xact_lock(%s)", [CLIENTS_LOCK])
        added = put(numbers, source, reason)
        _suppress(OF_NUMBERS, numbers=list(numbers))
    log.info("numbers stopped", source=source, added=added, given=len(numbers))
    return added


def sweep() -> None:
    """Take back what came to be queued after its number was stopped, as imports of the list do."""
    if (first := sql.value(FIRST_LAUNCH)) is not None:
        _suppress(SINCE_THE_LAUNCH, first=first)


def sweep_batch(batch_id: int) -> None:
    """The same for one batch, by the numbers of its messages."""
    _suppress(OF_BATCH, batch=batch_id)


def _suppress(theirs: str, **parameters: object) -> None:
    take_back(theirs, "suppressed", WHY, parameters)


def obey(messages: Collection[Inbound]) -> None:
    """Stop whoever of these wrote a stop word; that they wrote is kept, for those who ask who
    answered a mailing."""
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
