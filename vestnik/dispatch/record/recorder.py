"""Marking flights and recording their outcomes.

A flight is marked, and committed, before its first byte goes out: its ids stand in the batch's
`in_flight`, under an `attempt_id` of its own. Recording flight k and marking flight k + 1 is one
statement. That statement is where pause, cancel, STOP, the end, a new text and a lost lease take
hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from vestnik.db import sql
from vestnik.db.sql import array
from vestnik.dispatch.record.claims import Claim
from vestnik.dispatch.record.outcome_batch import NOT_COUNTED, OutcomeBatch
from vestnik.dispatch.suppress.opt_out import sweep_batch
from vestnik.dispatch.suppress.revocation import recheck
from vestnik.mailings.window import END_GUARD
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

log = structlog.get_logger(__name__)

OUTCOMES = """
outcome AS (
    SELECT * FROM unnest(
        %(ids)s::bigint[], %(states)s::text[], %(departed)s::float8[],
        string_to_array(%(provider_ids)s, E'\\x1f', ''),
        string_to_array(%(errors)s, E'\\x1f', ''),
        string_to_array(%(reasons)s, E'\\x1f', ''), %(retries)s::float8[]
    ) AS o (id, state, departed, provider_id, error, reason, retry_in)
)
"""

# By the primary key alone. With the mailing or the batch's range of ids named as well, the planner
# is tempted, as long as its statistics are older than the mailing, to read that range for each
# outcome or to hash it: 24 ms a flight against 0.6 ms.
# An id that the provider uses again stands for the newest message: so do the receipts from then on.
SETTLE = """
settled AS (
    UPDATE dispatch_message m SET
        state = CASE WHEN {doubted} THEN 'unknown' WHEN o.state = 'resent' THEN 'queued'
            ELSE o.state END,
        attempts = least(m.attempts + {tries}, 32767),
        sent_at = CASE WHEN o.state IN ('sent', 'unknown')
            THEN %(marked_at)s::timestamptz + o.departed * interval '1 second'
            ELSE m.sent_at END,
        provider_message_id = coalesce(o.provider_id, m.provider_message_id),
        error = o.error, reason = o.reason::jsonb,
        attempt_id = CASE WHEN o.state = 'unknown' THEN %(attempt)s::bigint
            WHEN {doubted} THEN coalesce(m.doubted_attempt_id, %(attempt)s::bigint) END,
        doubted_attempt_id = CASE WHEN o.state = 'resent' THEN %(attempt)s::bigint
            ELSE m.doubted_attempt_id END,
        next_attempt_at = CASE WHEN o.retry_in >= 0
            THEN clock_timestamp() + o.retry_in * interval '1 second' END
    FROM held, outcome o
    WHERE m.id = o.id AND {still}
    RETURNING m.state
),
handed_over AS (
    INSERT INTO dispatch_handover AS h (alias, provider_message_id, message_id, parts)
    SELECT %(alias)s::text, p.provider_id, p.id, p.parts FROM held, unnest(
        %(part_owners)s::bigint[], string_to_array(%(part_ids)s, E'\x1f'), %(parts)s::int[]
    ) AS p (id, provider_id, parts)
    WHERE %(receipts)s
    ON CONFLICT (alias, provider_message_id) DO UPDATE
    SET message_id = excluded.message_id, parts = excluded.parts, state = NULL
    WHERE h.message_id <> excluded.message_id
    RETURNING 1
)
"""
TRIES = f"CASE WHEN o.departed = {NOT_COUNTED} THEN 0 ELSE 1 END"
SETTLE_IN_FLIGHT = SETTLE.format(
    tries=TRIES, still="m.state = 'queued'", doubted="o.state = 'doubted'"
)
SETTLE_UNKNOWN = SETTLE.format(
    tries=0,
    still="m.state = 'unknown' AND m.attempt_id = %(attempt)s",
    doubted="(o.state = 'doubted' OR o.state = 'failed' AND m.doubted_attempt_id IS NOT NULL)",
)

MAY_GO = f"""
    m.state = 'running' AND NOT b.recheck AND b.due_at > clock_timestamp()
    AND m.text_version = %(text_version)s AND b.text_version = %(text_version)s
    AND least(m.ends_at, b.open_until, %(closes)s::timestamptz)
        > clock_timestamp() + interval '{END_GUARD} second'
    AND NOT (SELECT any_barred FROM listed)
"""
# By the messages' numbers, so that a message without a client, or one that is tried again before
# the sweep has seen it, is found too. And by their clients as they are at this moment: one that was
# deleted, or whose number or time zone has changed, is not written to as before.
# Both tables are asked with arrays of keys: one descent of an index and a walk along its leaves
# where a join descends for each message, 20 blocks a flight instead of 1,261 (PostgreSQL 17 on).
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

# `held` takes the batch's row first: whoever comes second sees what the first has left, and finds
# that the attempt is no longer theirs.
RECORD_AND_MARK = f"""
WITH {OUTCOMES}, {LISTED},
held AS (
    UPDATE dispatch_batch b SET
        queued = b.queued - %(leaving)s, sent = b.sent + %(sent)s,
        failed = b.failed + %(failed)s, unknown = b.unknown + %(unknown)s,
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
{SETTLE_IN_FLIGHT}
SELECT (SELECT count(*) FROM settled), marked, marked_at, seconds_to_end FROM held
"""

# Writes nothing, so that it is quick where a commit is slow.
STILL_MARKED = f"""
WITH {LISTED}
SELECT extract(epoch FROM least(m.ends_at, b.open_until, %(closes)s::timestamptz)
    - clock_timestamp())::float8
FROM dispatch_batch b JOIN mailings_mailing m ON m.id = b.mailing_id
WHERE b.id = %(batch)s AND b.claim_id = %(claim)s AND b.attempt_id = %(attempt)s AND {MAY_GO}
"""

# The mailing's virtual time goes ahead by what it has handed over under this claim, and by one
# message for a turn that it could not use. The last of all locks: claims wait for none of these.
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

RECORD_AND_RELEASE = f"""
WITH {OUTCOMES},
held AS (
    UPDATE dispatch_batch b SET
        queued = b.queued - %(leaving)s, sent = b.sent + %(sent)s,
        failed = b.failed + %(failed)s, unknown = b.unknown + %(unknown)s,
        in_flight = '{{}}', attempt_id = NULL, claim_id = NULL,
        due_at = clock_timestamp() + %(wait)s * interval '1 second',
        open_until = CASE WHEN b.timezone IS NULL OR %(wait)s = 0 THEN b.open_until END,
        state = CASE WHEN b.queued = %(leaving)s THEN 'done'
            WHEN %(wait)s > 0 THEN 'waiting' ELSE 'ready' END
    WHERE b.id = %(batch)s AND b.claim_id = %(claim)s
        AND b.attempt_id IS NOT DISTINCT FROM %(attempt)s
    RETURNING b.id, b.state
),
{SETTLE_IN_FLIGHT},
{TAKE_TURN}
SELECT (SELECT count(*) FROM settled), state FROM held
"""

# The lease was taken back meanwhile: the flight's messages are unknown, under our attempt. Those
# that never left are queued again where the mailing still is under way.
RECORD_LATE = f"""
WITH {OUTCOMES.replace("outcome AS", "given AS", 1)},
owner AS MATERIALIZED (
    SELECT id, state IN ('running', 'paused') AS under_way
    FROM mailings_mailing WHERE id = %(mailing)s FOR SHARE
),
held AS (
    SELECT b.id, owner.under_way FROM dispatch_batch b, owner
    WHERE b.id = %(batch)s FOR UPDATE OF b
),
outcome AS (
    SELECT given.id,
        CASE WHEN under_way THEN state WHEN state = 'queued' THEN 'failed'
            WHEN state = 'resent' THEN 'unknown' ELSE state END AS state,
        departed, provider_id, coalesce(error, CASE WHEN state = 'queued' AND NOT under_way
            THEN %(ended)s END) AS error,
        coalesce(reason, CASE WHEN state = 'queued' AND NOT under_way
            THEN %(ended_reason)s END) AS reason, retry_in
    FROM given, held
),
{SETTLE_UNKNOWN},
counted AS (
    SELECT count(*) AS n, count(*) FILTER (WHERE state = 'sent') AS sent,
        count(*) FILTER (WHERE state = 'failed') AS failed,
        count(*) FILTER (WHERE state = 'queued') AS queued,
        count(*) FILTER (WHERE state = 'unknown') AS unknown
    FROM settled
)
UPDATE dispatch_batch b SET
    unknown = b.unknown - c.n + c.unknown, sent = b.sent + c.sent, failed = b.failed + c.failed,
    queued = b.queued + c.queued, recheck = b.recheck OR c.queued > 0,
    due_at = CASE WHEN b.state = 'done' THEN clock_timestamp() ELSE b.due_at END,
    open_until = CASE WHEN b.state = 'done' THEN NULL ELSE b.open_until END,
    state = CASE WHEN b.state = 'done' AND c.queued > 0 THEN 'ready' ELSE b.state END
FROM held, counted c WHERE b.id = held.id
RETURNING c.n
"""


MAILING_ENDED = Reason(Code.MAILING_ENDED)


class LeaseLost(Exception):
    """The batch is not ours any more."""


class Mismatch(Exception):
    """Rows of messages in flight were changed by somebody who is not their worker."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A flight that may leave: since when, by the database's clock, and how long until the end."""

    marked_at: datetime
    seconds_to_end: float


def record_and_mark(
    batch: Claim,
    outcomes: OutcomeBatch,
    flight: Sequence[int],
    attempt_id: int,
    lease: float,
    out: Sequence[int] = (),
    zones: Sequence[str] | None = None,
    closes: datetime | None = None,
) -> Mark | None:
    """Record the outcomes known and mark the next flight, in one statement. What is still `out`
    stays in flight, under the new attempt. With local hours only clients of these zones are in
    the next flight, and it leaves before they close.

    None where the next must not leave: paused, cancelled, ended, another text since it was claimed,
    or somebody of it was stopped, deleted or changed, who is then taken out or written to anew.
    Raises LeaseLost where the batch is not ours any more; then nothing was recorded.
    """
    found = sql.prepared_row(
        RECORD_AND_MARK,
        _parameters(batch, outcomes)
        | {
            "out": array(out),
            "next_ids": array(flight),
            "next_attempt": attempt_id,
            "lease": lease,
            "zones": None if zones is None else [*zones],
            "closes": closes,
        },
    )
    if found is None:
        raise LeaseLost
    recorded, marked, marked_at, seconds_to_end = found
    _check(batch, outcomes, recorded)
    if marked:
        return Mark(marked_at, seconds_to_end)
    if flight:  # somebody of it may have been stopped, deleted or changed
        sweep_batch(batch.batch_id)
        recheck(batch.batch_id)
    return None


def seconds_to_end(
    batch: Claim,
    flight: Sequence[int],
    attempt_id: int,
    zones: Sequence[str] | None = None,
    closes: datetime | None = None,
) -> float | None:
    """Of a marked flight, how long it is until the end; None where it must not leave any more."""
    found: float | None = sql.value(
        STILL_MARKED,
        {
            "batch": batch.batch_id,
            "claim": batch.claim_id,
            "attempt": attempt_id,
            "text_version": batch.text_version,
            "next_ids": array(flight),
            "zones": None if zones is None else [*zones],
            "closes": closes,
        },
    )
    return found


def record_and_release(
    batch: Claim, outcomes: OutcomeBatch, *, wait: float = 0.0, served: int = 0
) -> str | None:
    """Record a flight's outcomes and let the batch go, for `wait` seconds or to be claimed now; its
    state then. Under this claim `served` messages were handed over.

    None where the batch is not ours any more, or under another attempt: nothing was recorded.
    """
    seconds = min(max(served, 1) / batch.rate, batch.longest_turn)
    turn = {"served": served, "seconds": seconds, "virtual_time": batch.virtual_time}
    found = sql.prepared_row(
        RECORD_AND_RELEASE, _parameters(batch, outcomes) | turn | {"wait": max(wait, 0.0)}
    )
    if found is None:
        return None
    recorded, state = found
    _check(batch, outcomes, recorded)
    return str(state)


def record_late(batch: Claim, outcomes: OutcomeBatch) -> int:
    """Record the outcomes of a flight whose lease was taken back; how many they settled."""
    parameters = _parameters(batch, outcomes.with_not_sent())
    parameters |= {"ended": MAILING_ENDED.text, "ended_reason": MAILING_ENDED.json}
    count: int = sql.value(RECORD_LATE, parameters) or 0
    log.info("late outcomes", mailing=batch.mailing_id, batch=batch.batch_id, settled=count)
    return count


def _parameters(batch: Claim, outcomes: OutcomeBatch) -> dict[str, object]:
    return outcomes.parameters() | {
        "alias": batch.alias,
        "batch": batch.batch_id,
        "claim": batch.claim_id,
        "mailing": batch.mailing_id,
        "receipts": batch.receipts,
        "text_version": batch.text_version,
    }


def _check(batch: Claim, outcomes: OutcomeBatch, recorded: int) -> None:
    if recorded != len(outcomes.ids):
        raise Mismatch(f"batch {batch.batch_id}: {recorded} rows for {len(outcomes.ids)} outcomes")
