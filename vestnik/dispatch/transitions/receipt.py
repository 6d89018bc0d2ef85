"""A receipt settles a message: `receipt`."""

from vestnik.dispatch.states import (
    CLAIMED,
    DELIVERED,
    FAILED,
    QUEUED,
    RECEIVABLE,
    RECEIVABLE_IN_DOUBT,
    RECEIVABLE_SQL,
    UNDELIVERED,
)
from vestnik.dispatch.transitions import counts

SOURCES, TARGETS = (*RECEIVABLE, *RECEIVABLE_IN_DOUBT), (DELIVERED, UNDELIVERED)

# Batches are locked first and in order, as every other writer does: no two can wait for each other.
LOCK = """
SELECT b.id FROM dispatch_batch b WHERE b.id IN (
    SELECT (
        SELECT c.id FROM dispatch_batch c
        WHERE c.mailing_id = m.mailing_id AND c.first_message_id <= m.id
        ORDER BY c.first_message_id DESC LIMIT 1
    )
    FROM dispatch_message m WHERE m.id = ANY(%s::bigint[])
) ORDER BY b.id FOR UPDATE
"""

# A receipt's instant is of another clock, a vendor's or a host's: none is still to come.
APPLY = f"""
WITH given AS (
    SELECT * FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::text[], %s::text[])
        AS g (id, state, at, error, reason)
),
found AS (
    SELECT m.id, m.state AS was, given.state, given.at, given.error, given.reason
    FROM given JOIN dispatch_message m ON m.id = given.id
),
-- Also of an earlier attempt: of one that was given up, or queued again and is not out just now.
open AS (
    SELECT f.* FROM found f JOIN dispatch_message m ON m.id = f.id
    WHERE CASE WHEN m.state IN {RECEIVABLE_SQL} THEN true
        WHEN m.doubted_attempt_id IS NULL THEN false
        WHEN m.state = '{FAILED}' THEN true
        WHEN m.state = '{QUEUED}' THEN (
            SELECT NOT m.id = ANY(c.in_flight) FROM dispatch_batch c
            WHERE c.mailing_id = m.mailing_id AND c.first_message_id <= m.id
            ORDER BY c.first_message_id DESC LIMIT 1
        ) ELSE false END
),
applied AS (
    UPDATE dispatch_message m SET
        state = open.state, error = open.error, reason = open.reason::jsonb, attempt_id = NULL,
        sent_at = coalesce(m.sent_at, least(open.at, clock_timestamp())),
        delivered_at = CASE open.state WHEN '{DELIVERED}'
            THEN least(open.at, clock_timestamp()) END
    FROM open WHERE m.id = open.id AND m.state = open.was
    RETURNING m.id, m.mailing_id, open.was, open.state
),
counted AS (
    SELECT (
            SELECT c.id FROM dispatch_batch c
            WHERE c.mailing_id = a.mailing_id AND c.first_message_id <= a.id
            ORDER BY c.first_message_id DESC LIMIT 1
        ) AS id,
        {counts.columns(SOURCES, TARGETS)}
    FROM applied a GROUP BY 1
),
recounted AS (
    UPDATE dispatch_batch b SET
        {counts.changes(SOURCES, TARGETS)},
        recheck = b.recheck OR b.state = '{CLAIMED}' AND c.was_queued > 0,
        state = {counts.emptied("c.was_queued")}
    FROM counted c WHERE b.id = c.id
)
SELECT id FROM found WHERE was <> '{QUEUED}' OR id IN (SELECT id FROM applied)
"""
