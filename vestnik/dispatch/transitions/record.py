"""Recording a flight's outcomes and marking the next flight.

The moves `record`, `record late` and `release`.
"""

from vestnik.db.sql import one_line
from vestnik.dispatch.states import (
    DONE,
    DOUBTED,
    FAILED,
    QUEUED,
    READY,
    RESENT,
    SENT,
    UNKNOWN,
    WAITING,
)
from vestnik.dispatch.transitions import counts
from vestnik.mailings.models import UNDER_WAY_SQL, MailingState
from vestnik.mailings.window import END_GUARD

#: Value of `departed` for an outcome that does not count as an attempt of the message.
NOT_COUNTED = -1.0
RECORDED = (SENT, FAILED, UNKNOWN)


def _outcomes(name: str) -> str:
    """Return the CTE of the outcomes, passed as one array or separated text for each column.

    Texts are joined by 0x1f, which no stored text contains: see `OutcomeBatch.parameters`.
    """
    return f"""
{name} AS (
    SELECT * FROM unnest(
        %(ids)s::bigint[], %(states)s::text[], %(departed)s::float8[],
        string_to_array(%(provider_ids)s, E'\\x1f', ''),
        string_to_array(%(errors)s, E'\\x1f', ''),
        string_to_array(%(reasons)s, E'\\x1f', ''), %(retries)s::float8[]
    ) AS o (id, state, departed, provider_id, error, reason, retry_in)
)
"""


# The provider's ids of the messages handed over, by which their receipts are found. If a provider
# reuses one of its ids, the id belongs to the newest message, and so do the receipts that arrive
# from then on.
HAND_OVERS = """
handed_over AS (
    INSERT INTO dispatch_handover AS h (alias, provider_message_id, message_id, parts)
    SELECT %(alias)s::text, p.provider_id, p.id, p.parts FROM held, unnest(
        %(part_owners)s::bigint[], string_to_array(%(part_ids)s, E'\\x1f'), %(parts)s::int[]
    ) AS p (id, provider_id, parts)
    WHERE %(receipts)s
    ON CONFLICT (alias, provider_message_id) DO UPDATE
    SET message_id = excluded.message_id, parts = excluded.parts, state = NULL
    WHERE h.message_id <> excluded.message_id
    RETURNING 1
)
"""


def _move_messages(still: str, doubted: str, tries: str) -> str:
    """Return the CTE that moves each message of `outcome` to its new state, once `held` has its
    batch.

    `still` is the condition that the message has not been moved by another transaction; `doubted`
    the condition that an earlier attempt of it may have arrived.

    Messages are found by the primary key alone. If the mailing or the batch's range of ids is named
    as well, the planner may read or hash that range for each outcome as long as its statistics are
    older than the mailing: 24 ms a flight instead of 0.6 ms (decision 0013).
    """
    return f"""
settled AS (
    UPDATE dispatch_message m SET
        state = CASE WHEN {doubted} THEN '{UNKNOWN}' WHEN o.state = '{RESENT}' THEN '{QUEUED}'
            ELSE o.state END,
        attempts = least(m.attempts + {tries}, 32767),
        sent_at = CASE WHEN o.state IN ('{SENT}', '{UNKNOWN}')
            THEN %(marked_at)s::timestamptz + o.departed * interval '1 second'
            ELSE m.sent_at END,
        provider_message_id = coalesce(o.provider_id, m.provider_message_id),
        error = o.error, reason = o.reason::jsonb,
        attempt_id = CASE WHEN o.state = '{UNKNOWN}' THEN %(attempt)s::bigint
            WHEN {doubted} THEN coalesce(m.doubted_attempt_id, %(attempt)s::bigint) END,
        doubted_attempt_id = CASE WHEN o.state = '{RESENT}' THEN %(attempt)s::bigint
            ELSE m.doubted_attempt_id END,
        next_attempt_at = CASE WHEN o.retry_in >= 0
            THEN clock_timestamp() + o.retry_in * interval '1 second' END
    FROM held, outcome o
    WHERE m.id = o.id AND {still}
    RETURNING m.state
)
"""


# Under a valid lease: the message is queued and in flight.
SETTLED_IN_FLIGHT = _move_messages(
    still=f"m.state = '{QUEUED}'",
    doubted=f"o.state = '{DOUBTED}'",
    tries=f"CASE WHEN o.departed = {NOT_COUNTED} THEN 0 ELSE 1 END",
)
# After the lease was taken back: the message is unknown and still carries this attempt.
SETTLED_LATE = _move_messages(
    still=f"m.state = '{UNKNOWN}' AND m.attempt_id = %(attempt)s",
    doubted=f"(o.state = '{DOUBTED}' OR o.state = '{FAILED}' AND m.doubted_attempt_id IS NOT NULL)",
    tries="0",
)

# The one condition for a flight to leave: pause, cancel, an expired lease, a new text, the end of
# the mailing or of the local hours, STOP and deletion all take effect here (decision 0005).
MAY_GO = f"""
    m.state = '{MailingState.RUNNING}' AND NOT b.recheck AND b.due_at > clock_timestamp()
    AND m.text_version = %(text_version)s AND b.text_version = %(text_version)s
    AND least(m.ends_at, b.open_until, %(closes)s::timestamptz)
        > clock_timestamp() + interval '{END_GUARD} second'
    AND NOT (SELECT any_barred FROM listed)
"""
# Whether a message of the next flight must not leave as it is (`any_barred`).
#
# The stop list is searched by the messages' own numbers: a test send has no client, and a message
# may be retried before the sweep of the stop list has seen it (decision 0007). The clients are
# compared as they are at this moment: one that was deleted, or whose number or time zone has
# changed, does not get the message as it was enlisted (decision 0008). Both tables are searched by
# arrays of keys, which take one descent of the index and a walk along its leaves; a join descends
# for each message: 20 blocks a flight instead of 1,261 (PostgreSQL 17 on).
LISTED = """
next_ones AS MATERIALIZED (
    SELECT client_id, phone_number FROM dispatch_message WHERE id = ANY(%(next_ids)s::bigint[])
),
listed AS MATERIALIZED (
    SELECT EXISTS (
        SELECT FROM audience_stoplistentry
        WHERE phone_number = ANY(ARRAY(SELECT phone_number FROM next_ones))
    ) OR EXISTS (
        SELECT FROM dispatch_pendingstop
        WHERE phone_number = ANY(ARRAY(SELECT phone_number FROM next_ones))
    ) OR (
        SELECT array_agg(phone_number ORDER BY client_id) FROM next_ones WHERE client_id IS NOT NULL
    ) IS DISTINCT FROM (
        SELECT array_agg(phone_number ORDER BY id) FROM audience_client
        WHERE id = ANY(ARRAY(SELECT client_id FROM next_ones WHERE client_id IS NOT NULL))
            AND (%(zones)s::text[] IS NULL OR timezone = ANY(%(zones)s::text[]))
    ) AS any_barred
)
"""

# Record the last flight's outcomes and mark the next flight: one statement, so one commit a flight.
#
# `held` locks the batch's row first. If two transactions record under the same attempt, the second
# one waits, finds another attempt id in the row, and changes nothing. `OFFSET 0` keeps MAY_GO a
# subquery of its own: it is evaluated once for the two columns set from it.
RECORD_AND_MARK = one_line(f"""
WITH {_outcomes("outcome")}, {LISTED},
held AS (
    UPDATE dispatch_batch b SET
        {counts.changes((QUEUED,), RECORDED, counts.GIVEN)},
        (in_flight, attempt_id) = (
            SELECT CASE WHEN may_go THEN %(out)s::bigint[] || %(next_ids)s::bigint[]
                    ELSE %(out)s::bigint[] END,
                CASE WHEN may_go OR %(out)s::bigint[] <> '{{}}' THEN %(next_attempt)s::bigint END
            FROM (SELECT {MAY_GO} OFFSET 0) AS asked_once (may_go)
        ),
        due_at = clock_timestamp() + %(lease)s * interval '1 second'
    FROM mailings_mailing m
    WHERE b.id = %(batch)s AND b.claim_id = %(claim)s
        AND b.attempt_id IS NOT DISTINCT FROM %(attempt)s AND m.id = b.mailing_id
    RETURNING b.in_flight <> %(out)s::bigint[] AS marked, clock_timestamp() AS marked_at,
        extract(epoch FROM least(m.ends_at, b.open_until, %(closes)s::timestamptz)
            - clock_timestamp())::float8 AS seconds_to_end
),
{SETTLED_IN_FLIGHT}, {HAND_OVERS}
SELECT (SELECT count(*) FROM settled) AS recorded, marked, marked_at, seconds_to_end FROM held
""")

# Whether a marked flight may still leave, asked after a mark that took longer than 0.3 s. It writes
# nothing, so it is fast even where a commit is slow (decision 0025).
STILL_MARKED = f"""
WITH {LISTED}
SELECT extract(epoch FROM least(m.ends_at, b.open_until, %(closes)s::timestamptz)
    - clock_timestamp())::float8
FROM dispatch_batch b JOIN mailings_mailing m ON m.id = b.mailing_id
WHERE b.id = %(batch)s AND b.claim_id = %(claim)s AND b.attempt_id = %(attempt)s AND {MAY_GO}
"""

# Advance the mailing's virtual time by the messages handed over under this claim, at least by one:
# a mailing that could not use its turn must not stay first. This row is locked last, after the
# batch, the messages and the hand-overs (the WHERE clause reads both CTEs for that); claims do not
# lock it.
TAKE_TURN = """
taken AS (
    INSERT INTO dispatch_mailingturn AS t (mailing_id, virtual_time, turn, served)
    SELECT %(mailing)s, %(virtual_time)s::float8 + %(seconds)s::float8, nextval('dispatch_turn'),
        %(served)s
    FROM held
    WHERE (SELECT count(*) FROM settled) + (SELECT count(*) FROM handed_over) >= 0
    ON CONFLICT (mailing_id) DO UPDATE SET
        virtual_time = greatest(t.virtual_time, %(virtual_time)s::float8) + %(seconds)s::float8,
        turn = excluded.turn, served = t.served + excluded.served
)
"""

# Record the last flight's outcomes and end the claim: the batch is done, waits, or is ready again.
# A batch with a time zone that waits forgets `open_until`, so its hours are computed again.
RECORD_AND_RELEASE = f"""
WITH {_outcomes("outcome")},
held AS (
    UPDATE dispatch_batch b SET
        {counts.changes((QUEUED,), RECORDED, counts.GIVEN)},
        in_flight = '{{}}', attempt_id = NULL, claim_id = NULL,
        due_at = clock_timestamp() + %(wait)s * interval '1 second',
        open_until = CASE WHEN b.timezone IS NULL OR %(wait)s = 0 THEN b.open_until END,
        state = CASE WHEN b.queued = %(leaving)s THEN '{DONE}'
            WHEN %(wait)s > 0 THEN '{WAITING}' ELSE '{READY}' END
    WHERE b.id = %(batch)s AND b.claim_id = %(claim)s
        AND b.attempt_id IS NOT DISTINCT FROM %(attempt)s
    RETURNING b.id, b.state
),
{SETTLED_IN_FLIGHT}, {HAND_OVERS},
{TAKE_TURN}
SELECT (SELECT count(*) FROM settled) AS recorded, state FROM held
"""

# Record outcomes of a flight whose lease was taken back: its messages are unknown and carry our
# attempt. Those that never left are queued again if the mailing is still under way; otherwise they
# fail with the mailing's end as the reason. The mailing is locked before the batch, as everywhere.
RECORD_LATE = f"""
WITH {_outcomes("given")},
owner AS MATERIALIZED (
    SELECT id, state IN {UNDER_WAY_SQL} AS under_way
    FROM mailings_mailing WHERE id = %(mailing)s FOR SHARE
),
held AS (
    SELECT b.id, owner.under_way FROM dispatch_batch b, owner
    WHERE b.id = %(batch)s FOR UPDATE OF b
),
outcome AS (
    SELECT given.id,
        CASE WHEN under_way THEN state WHEN state = '{QUEUED}' THEN '{FAILED}'
            WHEN state = '{RESENT}' THEN '{UNKNOWN}' ELSE state END AS state,
        departed, provider_id, coalesce(error, CASE WHEN state = '{QUEUED}' AND NOT under_way
            THEN %(ended)s END) AS error,
        coalesce(reason, CASE WHEN state = '{QUEUED}' AND NOT under_way
            THEN %(ended_reason)s END) AS reason, retry_in
    FROM given, held
),
{SETTLED_LATE}, {HAND_OVERS},
counted AS (
    SELECT count(*) AS n, {counts.columns((UNKNOWN,), (SENT, FAILED, QUEUED))} FROM settled
)
UPDATE dispatch_batch b SET
    {counts.changes((UNKNOWN,), (SENT, FAILED, QUEUED))},
    recheck = b.recheck OR c.queued > 0, {counts.reopened("c.queued")}
FROM held, counted c WHERE b.id = held.id
RETURNING c.n
"""
