"""What becomes of unknown messages: `resend`, `give up`, `status answer`."""

from vestnik.dispatch.states import FAILED, QUEUED, SENT, UNKNOWN, MessageState
from vestnik.dispatch.transitions import counts
from vestnik.mailings.models import UNDER_WAY_SQL
from vestnik.reasons.codes import Code

# Messages of clients who were deleted, erased or stopped meanwhile stay unknown: no resend.
CAN_BE_SENT = """
    AND m.phone_number <> '' AND (m.client_id IS NULL
        OR (SELECT id FROM audience_client WHERE id = m.client_id) IS NOT NULL)
    AND (SELECT id FROM audience_stoplistentry s WHERE s.phone_number = m.phone_number) IS NULL
"""


def _resolve(target: MessageState, which: str, reopened: str = "") -> str:
    """Bring the unknown messages of some batches to a state.

    The attempt stays on record, for it may have arrived. Batch by batch, each locked before its
    messages: a late outcome or a receipt that comes first has its way, and one that comes second
    finds nothing to change.
    """
    return f"""
WITH held AS (
    SELECT id, first_message_id, last_message_id FROM dispatch_batch
    WHERE id = ANY(%(batches)s::bigint[]) AND unknown > 0 ORDER BY id FOR UPDATE
),
settled AS (
    UPDATE dispatch_message m SET
        state = '{target}', attempt_id = NULL, next_attempt_at = NULL,
        doubted_attempt_id = m.attempt_id,
        error = coalesce(%(why)s, m.error), reason = coalesce(%(reason)s::jsonb, m.reason)
    FROM held
    WHERE m.mailing_id + 0 = %(mailing)s AND m.state = '{UNKNOWN}' {which}
        AND m.id BETWEEN held.first_message_id AND held.last_message_id
    RETURNING held.id, m.state
),
counted AS (
    SELECT id, {counts.columns((UNKNOWN,), (target,))} FROM settled GROUP BY id
)
UPDATE dispatch_batch b SET {counts.changes((UNKNOWN,), (target,))} {reopened}
FROM counted c WHERE b.id = c.id
RETURNING c.leaving
"""


REOPENED = f", {counts.reopened('c.queued')}"
RESEND = _resolve(QUEUED, CAN_BE_SENT, REOPENED)
# By itself: what was given up after another attempt is not sent again.
ONCE = "AND m.attempt_id IS DISTINCT FROM m.doubted_attempt_id"
RESEND_AUTOMATICALLY = _resolve(QUEUED, f"{CAN_BE_SENT} {ONCE}", REOPENED)
# A reason without a code, by the version before, may be a worker that stopped as well.
RESEND_ANSWERED = _resolve(
    QUEUED, f"{CAN_BE_SENT} {ONCE} AND m.reason ->> 'code' <> '{Code.WORKER_STOPPED}'", REOPENED
)
GIVE_UP = _resolve(FAILED, "")

# What the provider has is sent; what it does not have is queued again while the mailing is under
# way, unless its client was erased meanwhile; `recheck`, since they may have been deleted. The
# attempt has to be the one that was asked about.
RECORD_ANSWERS = f"""
WITH reply AS (
    SELECT * FROM unnest(%(ids)s::bigint[], %(attempts)s::bigint[], %(states)s::text[],
        string_to_array(%(provider_ids)s, E'\\x1f', '')) AS r (id, attempt_id, state, provider_id)
),
owner AS MATERIALIZED (
    SELECT id, state IN {UNDER_WAY_SQL} AS under_way
    FROM mailings_mailing WHERE id = %(mailing)s FOR SHARE
),
held AS (
    SELECT b.id, b.first_message_id, b.last_message_id, owner.under_way
    FROM dispatch_batch b JOIN owner ON owner.id = b.mailing_id
    WHERE b.id = ANY(%(batches)s::bigint[]) AND b.unknown > 0 ORDER BY b.id FOR UPDATE OF b
),
settled AS (
    UPDATE dispatch_message m SET
        state = reply.state, error = NULL, reason = NULL, next_attempt_at = NULL, attempt_id = NULL,
        sent_at = CASE reply.state WHEN '{SENT}' THEN coalesce(m.sent_at, clock_timestamp())
            ELSE m.sent_at END,
        provider_message_id = coalesce(reply.provider_id, m.provider_message_id)
    FROM reply, held
    WHERE m.id = reply.id AND m.id BETWEEN held.first_message_id AND held.last_message_id
        AND m.state = '{UNKNOWN}' AND m.attempt_id = reply.attempt_id
        AND (reply.state = '{SENT}' OR held.under_way AND m.phone_number <> '')
    RETURNING held.id, m.state
),
counted AS (
    SELECT id, {counts.columns((UNKNOWN,), (SENT, QUEUED))} FROM settled GROUP BY id
)
UPDATE dispatch_batch b SET
    {counts.changes((UNKNOWN,), (SENT, QUEUED))},
    recheck = b.recheck OR c.queued > 0, {counts.reopened("c.queued")}
FROM counted c WHERE b.id = c.id
RETURNING c.leaving
"""
