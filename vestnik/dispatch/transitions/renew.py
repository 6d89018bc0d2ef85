"""Queued messages get the mailing's changed text, or are not sent. The move `renew`."""

from vestnik.dispatch.states import CANCELLED, IN_DOUBT, QUEUED, SUPPRESSED
from vestnik.dispatch.transitions import counts

TARGETS = (CANCELLED, SUPPRESSED, IN_DOUBT)


def renew_sql(picked: str, recipients: str) -> str:
    """Return the statement that renders the queued messages of one batch again.

    `picked` and `recipients` are the queries that enlisting uses, so a client gets the text that
    enlisting would give. The caller holds the lock of the batch. The statement's parameters follow
    those of `picked`.
    """
    # A client without a row in `recipients` was deleted: the message is cancelled. One with a
    # refusal (`why`) is suppressed. Either becomes unknown if an earlier attempt may have arrived.
    return f"""
WITH picked AS MATERIALIZED ({picked}),
recipients AS ({recipients}),
renewed AS (
    UPDATE dispatch_message m SET
        text = CASE WHEN r.why IS NULL THEN r.text END, text_version = %s,
        segments = CASE WHEN r.id IS NULL OR r.why IS NOT NULL THEN 0
            ELSE coalesce(r.segments, %s) END,
        state = CASE WHEN r.id IS NOT NULL AND r.why IS NULL THEN m.state
            WHEN m.doubted_attempt_id IS NOT NULL THEN '{IN_DOUBT}'
            WHEN r.id IS NULL THEN '{CANCELLED}' ELSE '{SUPPRESSED}' END,
        attempt_id = CASE WHEN r.id IS NULL OR r.why IS NOT NULL THEN m.doubted_attempt_id END,
        error = CASE WHEN r.id IS NULL THEN %s ELSE coalesce(r.why, m.error) END,
        reason = CASE WHEN r.id IS NULL THEN %s::jsonb
            ELSE coalesce(r.reason, m.reason) END
    FROM unnest(%s::bigint[], %s::bigint[]) AS w (id, client_id)
    LEFT JOIN recipients r ON r.id = w.client_id
    WHERE m.id = w.id AND m.state = '{QUEUED}'
    RETURNING m.state
),
counted AS (
    SELECT {counts.columns((QUEUED,), TARGETS)} FROM renewed
)
UPDATE dispatch_batch b SET
    text_version = %s, {counts.changes((QUEUED,), TARGETS)},
    state = {counts.emptied("c.leaving")}
FROM counted c WHERE b.id = %s
"""
