"""Queued messages are taken back: `opt out` and `revoke`.

Each statement names whose messages: `theirs` are `id` and `mailing_id`.
"""

from vestnik.audience.phone import GETS_NO_SMS
from vestnik.dispatch.states import CANCELLED, CLAIMED, IN_DOUBT, QUEUED, SUPPRESSED, MessageState
from vestnik.dispatch.transitions import counts
from vestnik.mailings.models import UNDER_WAY_SQL


def _take_back(state: MessageState, theirs: str) -> str:
    """Bring their queued messages to that state, or in doubt where an earlier attempt may have
    arrived.

    The batch's row is locked before the message's is touched, so what a worker has marked by then
    counts as in flight and finishes. `recheck` makes a worker that has the batch loaded let go of
    it before its next flight, and look then for what was in flight and came back to be tried again;
    not for who was stopped: that each mark asks by itself.
    """
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


# The unique index finds the messages by one probe a mailing under way.
OF_CLIENTS = f"""
theirs AS (
    SELECT m.id, m.mailing_id
    FROM mailings_mailing g
    JOIN dispatch_message m ON m.mailing_id = g.id AND m.client_id = ANY(%(clients)s)
    WHERE g.state IN {UNDER_WAY_SQL} AND m.state = '{QUEUED}'
)
"""
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


# A sub-query and not NOT EXISTS: that the planner may answer by a hash of all clients.
GONE = """
AND (m.phone_number = '' OR m.client_id IS NOT NULL
    AND (SELECT id FROM audience_client WHERE id = m.client_id) IS NULL)
"""
# By the messages' own numbers: a test send has no client, and a client's number may have changed.
# There is no index on them, so it is asked of a batch alone. A stop that still waits for another
# transaction counts as well: the mark lets no message of it leave.
LISTED = """
CROSS JOIN LATERAL (
    SELECT 1 FROM audience_stoplistentry WHERE phone_number = m.phone_number
    UNION ALL SELECT 1 FROM dispatch_pendingstop WHERE phone_number = m.phone_number
    LIMIT 1
) s
"""


def _stopped(which: str, of: str) -> str:
    """A client's number may have changed since: the message's own is what counts.

    From the few on the list to their messages, a probe of an index each: left to itself the planner
    takes a new mailing for small, and read its 100,000 messages once for each batch, 1.4 s a tick.
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
# A number that was corrected may be a landline now.
SUPPRESS_NO_SMS_OF_BATCH = _take_back(
    SUPPRESSED, _of_batch(f"AND {GETS_NO_SMS.format(number='m.phone_number')}")
)
SUPPRESS_NUMBERS = _take_back(
    SUPPRESSED, _stopped(which="s.phone_number = ANY(%(numbers)s)", of="true")
)
SUPPRESS_ENTRIES = _take_back(
    SUPPRESSED, _stopped(which="s.id = ANY(%(entries)s::bigint[])", of="g.id = %(mailing)s")
)
