"""A delivery receipt settles a message. The move `receipt`."""

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

# Lock the messages' batches in the order of their ids, as all other writers do: no deadlocks.
# The batch of a message is the last one that starts at or before its id: one probe of an index.
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

# The first state of a part stays.
UPDATE_PARTS = """
UPDATE dispatch_handover h SET state = g.state
FROM unnest(%s::text[], %s::text[]) AS g (provider_id, state)
WHERE h.alias = %s AND h.provider_message_id = g.provider_id AND h.state IS NULL
"""

# Apply receipts; return the ids of messages that need no further try.
#
# The time of a receipt comes from another clock, the vendor's or another host's, so it is capped at
# the database's present. A receipt of an earlier attempt (`doubted_attempt_id`) settles the message
# too, but not while the message is in flight again: that hand-over's outcome comes first.
APPLY = f"""
WITH given AS (
    SELECT * FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::text[], %s::text[])
        AS g (id, state, at, error, reason)
),
found AS (
    SELECT m.id, m.state AS was, given.state, given.at, given.error, given.reason
    FROM given JOIN dispatch_message m ON m.id = given.id
),
-- Also of an earlier attempt that may have arrived: failed messages, or queued ones not in flight.
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
