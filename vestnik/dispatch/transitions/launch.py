"""Scheduled mailings that are due become running: `launch`."""

from vestnik.mailings.models import LAUNCH, MailingState

# Launch all due mailings by one statement. Launched one by one, each of the mailings that start in
# the same second waited for a dozen statements of each mailing before it. The bound of the audience
# is the highest client id at this instant. NO KEY UPDATE: inserts that refer to a mailing do not
# wait.
LAUNCH_DUE = f"""
WITH due AS (
    SELECT id FROM mailings_mailing
    WHERE state = '{MailingState.SCHEDULED}'
        AND starts_at <= clock_timestamp() AND ends_at > clock_timestamp()
    ORDER BY starts_at, id LIMIT %s
    FOR NO KEY UPDATE SKIP LOCKED
),
launched AS (
    UPDATE mailings_mailing m SET
        state = '{MailingState.RUNNING}', state_reason = '', reason = NULL,
        started_at = clock_timestamp()
    FROM due WHERE m.id = due.id
    RETURNING m.id, m.provider, extract(epoch FROM m.started_at - m.starts_at)::float8 AS late
),
noted AS (
    INSERT INTO mailings_mailingevent (mailing_id, actor, event, from_state, to_state, reason)
    SELECT id, %s, '{LAUNCH.name}', '{MailingState.SCHEDULED}', '{MailingState.RUNNING}', ''
    FROM launched
),
enlistments AS (
    INSERT INTO dispatch_enlistment (mailing_id, cursor, bound, next_number, complete)
    SELECT id, 0, (SELECT coalesce(max(id), 0) FROM audience_client), 0, false FROM launched
)
SELECT id, provider, late FROM launched
"""
