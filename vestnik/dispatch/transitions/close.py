"""Closing a mailing: its queued messages become `expired` or `cancelled`, and it becomes finished.
The move `close`."""

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
from vestnik.dispatch.transitions.enlist import MOST_FAILURES
from vestnik.mailings.models import FINISH, UNDER_WAY_SQL, MailingState

TARGETS = (IN_DOUBT, EXPIRED, CANCELLED)
#: States of an ended mailing that may still have queued messages. A missed mailing has none.
OVER_SQL = literals((MailingState.CANCELLED, MailingState.FINISHED))

# Lock the mailing, then its open batches; return the batches and the state for their messages.
#
# The mailing's row is locked before its end is read, so a transaction that postpones the end either
# commits first and is respected, or waits until the mailing is closed. FOR SHARE lets closing tasks
# run side by side. The messages are read by the next statement (CLOSE): this one's snapshot is
# older than its wait, and messages that a resend queued during the wait would be missed (decision
# 0051). SKIP LOCKED: a batch that another transaction holds is closed by a later run.
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

# Close the queued messages of the batches that TAKE has locked.
#
# A message that was queued again although an earlier attempt may have arrived becomes unknown, not
# expired: the earlier attempt is still unresolved. `never_open` are zones in which the mailing's
# local hours had no open moment; their messages get that as the reason.
# `mailing_id + 0` keeps the planner on the primary key (see due_messages.LOAD).
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

# Whether a mailing `m` has ended whose audience could not be enlisted and is not tried any more.
IS_GIVEN_UP = f"""(m.state = '{MailingState.PAUSED}' AND m.ends_at <= clock_timestamp() AND EXISTS (
    SELECT FROM dispatch_enlistment e
    WHERE e.mailing_id = m.id AND NOT e.complete AND e.failures >= {MOST_FAILURES}
))"""
# Whether no message of a mailing `m` will be enlisted any more, and all have left: by the partial
# index of batches that are not done, which is empty for a finished mailing.
IS_DONE = f"""m.state IN {UNDER_WAY_SQL} AND (m.enlisted_at IS NOT NULL OR {IS_GIVEN_UP})
AND NOT EXISTS (
    SELECT FROM dispatch_batch b WHERE b.mailing_id = m.id AND b.state <> '{DONE}'
)"""

# Resending unknown messages takes this lock, too, and the batches are read by the next statement
# (FINISH_DONE): this one's snapshot may be older than the commit of a resend. SKIP LOCKED: no
# mailing is held while another one is waited for.
LOCK_TO_FINISH = """
SELECT id FROM mailings_mailing WHERE id = ANY(%s::bigint[])
ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
"""
# A mailing whose audience could not be enlisted keeps that as its reason.
FINISH_DONE = f"""
WITH done AS (
    SELECT m.id, m.state FROM mailings_mailing m WHERE m.id = ANY(%s::bigint[]) AND {IS_DONE}
),
finished AS (
    UPDATE mailings_mailing m SET
        state = '{FINISH.target}',
        state_reason = CASE WHEN m.enlisted_at IS NULL THEN m.state_reason ELSE '' END,
        reason = CASE WHEN m.enlisted_at IS NULL THEN m.reason END,
        finished_at = clock_timestamp()
    FROM done WHERE m.id = done.id
    RETURNING m.id, done.state AS state_before
),
noted AS (
    INSERT INTO mailings_mailingevent (mailing_id, actor, event, from_state, to_state, reason)
    SELECT id, %s, '{FINISH.name}', state_before, '{FINISH.target}', '' FROM finished
)
SELECT id FROM finished
"""
