"""Taking queued messages back. The moves `opt out` (stop list) and `revoke` (client deleted).

Each statement selects its messages by a CTE `theirs` with the columns `id` and `mailing_id`.
"""

from vestnik.audience.phone import GETS_NO_SMS
from vestnik.dispatch.states import CANCELLED, CLAIMED, IN_DOUBT, QUEUED, SUPPRESSED, MessageState
from vestnik.dispatch.transitions import counts
from vestnik.mailings.models import UNDER_WAY_SQL


def _take_back(state: MessageState, theirs: str) -> str:
    """Return the statement that moves the queued messages in `theirs` to `state`.

    A message whose earlier attempt may have arrived becomes unknown instead. The batch's row is
    locked before the message is updated, so a message that a worker has marked by then counts as in
    flight and finishes. `recheck` makes the worker that has the batch loaded release it before its
    next flight and look for messages that came back from a flight to be retried.
    """
    # For `cancelled` a claimed batch gets `recheck` even if no message was taken back: the client's
    # message may be in flight and return to the queue. The stop list needs none: each mark reads
    # it.
    looked_for = f"OR b.state = '{CLAIMED}'" if state is CANCELLED else ""
    return f"""
WITH {theirs},
held AS (
    SELECT b.id, theirs.id AS message_id, theirs.id = ANY(b.in_flight) AS flies
    FROM dispatch_batch b
    JOIN theirs ON theirs.mailing_id = b.mailing_id
        AND theirs.id BETWEEN b.first_message_id AND b.last_message_id
    ORDER BY b.id
    FOR UPDATE OF b
),
withdrawn AS (
    UPDATE dispatch_message m SET
        state = CASE WHEN m.doubted_attempt_id IS NULL THEN '{state}' ELSE '{IN_DOUBT}' END,
        attempt_id = m.doubted_attempt_id,
        error = CASE WHEN m.doubted_attempt_id IS NULL THEN %(why)s ELSE %(doubted)s END,
        reason = CASE WHEN m.doubted_attempt_id IS NULL THEN %(reason)s::jsonb
            ELSE %(doubted_reason)s::jsonb END
    FROM held WHERE m.id = held.message_id AND m.state = '{QUEUED}' AND NOT held.flies
    RETURNING m.id, m.state
),
counted AS (
    SELECT held.id, {counts.columns((QUEUED,), (state, IN_DOUBT))}
    FROM held LEFT JOIN withdrawn ON withdrawn.id = held.message_id GROUP BY held.id
)
UPDATE dispatch_batch b SET
    {counts.changes((QUEUED,), (state, IN_DOUBT))},
    recheck = b.recheck OR b.state = '{CLAIMED}',
    state = {counts.emptied("c.leaving")}
FROM counted c
WHERE b.id = c.id AND (c.leaving > 0 {looked_for})
"""


# The unique index (mailing_id, client_id) finds the messages: one probe for each mailing under way.
OF_CLIENTS = f"""
theirs AS (
    SELECT m.id, m.mailing_id
    FROM mailings_mailing g
    JOIN dispatch_message m ON m.mailing_id = g.id AND m.client_id = ANY(%(clients)s)
    WHERE g.state IN {UNDER_WAY_SQL} AND m.state = '{QUEUED}'
)
"""
# Of the messages with these ids.
AMONG = f"""
theirs AS (
    SELECT m.id, m.mailing_id FROM dispatch_message m JOIN mailings_mailing g ON g.id = m.mailing_id
    WHERE m.id = ANY(%(ids)s::bigint[]) AND m.state = '{QUEUED}' AND g.state IN {UNDER_WAY_SQL}
)
"""


def _of_batch(which: str = "", also: str = "") -> str:
    return f"""
theirs AS MATERIALIZED (
    SELECT m.id, m.mailing_id
    FROM dispatch_batch b
    JOIN dispatch_message m ON m.mailing_id + 0 = b.mailing_id
        AND m.id BETWEEN b.first_message_id AND b.last_message_id
    {also}
    WHERE b.id = %(batch)s AND m.state = '{QUEUED}' {which}
)
"""


# Messages whose client was deleted or erased. A scalar subquery instead of NOT EXISTS, for which
# the planner may build a hash of all clients.
GONE = """
AND (m.phone_number = '' OR m.client_id IS NOT NULL
    AND (SELECT id FROM audience_client WHERE id = m.client_id) IS NULL)
"""
# Messages whose own number is on the stop list: a test send has no client, and a client's number
# may have changed. Messages have no index on the number, so this runs for one batch at a time. A
# stop that still waits for another transaction's lock (pendingstop) counts, as it does for the
# mark.
LISTED = """
CROSS JOIN LATERAL (
    SELECT 1 FROM audience_stoplistentry WHERE phone_number = m.phone_number
    UNION ALL SELECT 1 FROM dispatch_pendingstop WHERE phone_number = m.phone_number
    LIMIT 1
) s
"""


def _stopped(which: str, of: str) -> str:
    """Return the CTEs that find the queued messages of entries of the stop list.

    `which` selects the entries, `of` the mailings. The message's own number is compared, since the
    client's may have changed. LATERAL with LIMIT 1 fixes the direction: from the few entries to
    their messages, one index probe each. Otherwise the planner assumed a new mailing to be small
    and read its 100,000 messages once for each batch: 1.4 s for each run of the scheduler.
    """
    return f"""
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
            AND state = '{QUEUED}' LIMIT 1
    ) m
    WHERE g.state IN {UNDER_WAY_SQL} AND {of}
)
"""


CANCEL_OF_CLIENTS = _take_back(CANCELLED, OF_CLIENTS)
CANCEL_AMONG = _take_back(CANCELLED, AMONG)
CANCEL_GONE_OF_BATCH = _take_back(CANCELLED, _of_batch(GONE))
SUPPRESS_LISTED_OF_BATCH = _take_back(SUPPRESSED, _of_batch(also=LISTED))
# A client's corrected number may be a landline.
SUPPRESS_NO_SMS_OF_BATCH = _take_back(
    SUPPRESSED, _of_batch(f"AND {GETS_NO_SMS.format(number='m.phone_number')}")
)
SUPPRESS_NUMBERS = _take_back(
    SUPPRESSED, _stopped(which="s.phone_number = ANY(%(numbers)s)", of="true")
)
SUPPRESS_ENTRIES = _take_back(
    SUPPRESSED, _stopped(which="s.id = ANY(%(entries)s::bigint[])", of="g.id = %(mailing)s")
)
