"""Resolving unknown messages. The moves `resend`, `give up` and `status answer`."""

from vestnik.dispatch.states import FAILED, QUEUED, SENT, UNKNOWN, MessageState
from vestnik.dispatch.transitions import counts
from vestnik.mailings.models import UNDER_WAY_SQL
from vestnik.reasons.codes import Code

# Not resent, and therefore still unknown: messages of clients who were deleted, erased or put on
# the stop list meanwhile.
CAN_BE_SENT = """
    AND m.phone_number <> '' AND (m.client_id IS NULL
        OR (SELECT id FROM audience_client WHERE id = m.client_id) IS NOT NULL)
    AND (SELECT id FROM audience_stoplistentry s WHERE s.phone_number = m.phone_number) IS NULL
"""


def _resolve(target: MessageState, which: str, reopened: str = "") -> str:
    """Return the statement that moves the unknown messages of some batches to `target`.

    `which` is a further condition on the messages; `reopened` the SET items that make their batches
    claimable. The attempt is kept as `doubted_attempt_id`, since it may have arrived. Each batch is
    locked before its messages: a late outcome or a receipt that commits first wins, and one that
    commits second finds no unknown message.
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
# Without an operator a message is resent once: not if its last attempt was already in doubt before.
ONCE = "AND m.attempt_id IS DISTINCT FROM m.doubted_attempt_id"
RESEND_AUTOMATICALLY = _resolve(QUEUED, f"{CAN_BE_SENT} {ONCE}", REOPENED)
# After an unclear answer of the provider; messages of a lost lease are left to
# RESEND_AUTOMATICALLY. A reason without a code was stored by the version before and may be a
# stopped worker's: NULL <> ... is not true, so such a message is left, too.
RESEND_ANSWERED = _resolve(
    QUEUED, f"{CAN_BE_SENT} {ONCE} AND m.reason ->> 'code' <> '{Code.WORKER_STOPPED}'", REOPENED
)
# An operator declares the messages failed.
GIVE_UP = _resolve(FAILED, "")

# Record answers to status queries. A message that the provider knows is sent. One that it does not
# know is queued again while the mailing is under way, unless its client was erased (an empty
# number); `recheck` makes the next worker look for deleted clients. An answer counts only for the
# attempt that was asked about.
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
