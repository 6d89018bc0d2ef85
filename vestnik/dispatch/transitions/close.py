"""What is left of a mailing that has ended: `close`."""

from vestnik.db.sql import literals
from vestnik.dispatch.states import (
    CANCELLED,
    DONE,
    EXPIRED,
    IN_DOUBT,
    OPEN_SQL,
    QUEUED,
)
from vestnik.dispatch.transitions import counts
from vestnik.mailings.models import UNDER_WAY_SQL, MailingState

TARGETS = (IN_DOUBT, EXPIRED, CANCELLED)
#: A mailing that has ended although messages were left. One that was missed has none.
OVER_SQL = literals((MailingState.CANCELLED, MailingState.FINISHED))

# The mailing's row is locked before its end is believed: whoever moves the end away has their way,
# or comes too late. Messages are looked at by the next statement, once their batches are locked:
# what was queued again while the lock was waited for is closed as well.
TAKE = f"""
WITH over AS (
    SELECT id, CASE WHEN state = '{MailingState.CANCELLED}' THEN '{CANCELLED}' ELSE '{EXPIRED}' END
        AS state
    FROM mailings_mailing
    WHERE id = %s AND (state IN {OVER_SQL}
        OR (state IN {UNDER_WAY_SQL} AND ends_at <= clock_timestamp()))
    FOR SHARE
)
SELECT b.id, over.state FROM dispatch_batch b JOIN over ON over.id = b.mailing_id
WHERE b.state IN {OPEN_SQL} ORDER BY b.id LIMIT %s
FOR UPDATE OF b SKIP LOCKED
"""

# Of what was queued again although an earlier attempt may have arrived, nobody knows.
CLOSE = f"""
WITH taken AS (
    SELECT id, mailing_id, first_message_id, last_message_id,
        timezone = ANY(%(never_open)s::text[]) AS never_open
    FROM dispatch_batch
    WHERE id = ANY(%(batches)s::bigint[])
),
closed AS (
    UPDATE dispatch_message m SET
        state = CASE WHEN m.doubted_attempt_id IS NULL THEN %(state)s ELSE '{IN_DOUBT}' END,
        attempt_id = m.doubted_attempt_id, next_attempt_at = NULL,
        error = CASE WHEN m.doubted_attempt_id IS NOT NULL THEN %(doubted)s
            WHEN taken.never_open AND coalesce(m.error, '') = '' THEN %(why)s ELSE m.error END,
        reason = CASE WHEN m.doubted_attempt_id IS NOT NULL THEN %(doubted_reason)s::jsonb
            WHEN taken.never_open AND coalesce(m.error, '') = '' THEN %(reason)s::jsonb
            ELSE m.reason END
    FROM taken
    WHERE m.mailing_id + 0 = taken.mailing_id AND m.state = '{QUEUED}'
        AND m.id BETWEEN taken.first_message_id AND taken.last_message_id
    RETURNING taken.id, m.state
),
counted AS (
    SELECT id, {counts.columns((QUEUED,), TARGETS)} FROM closed GROUP BY id
)
UPDATE dispatch_batch b SET
    state = '{DONE}', recheck = false,
    {counts.changes((QUEUED,), TARGETS, counts.COUNTED_IF_ANY)}
FROM taken LEFT JOIN counted c USING (id)
WHERE b.id = taken.id
"""
