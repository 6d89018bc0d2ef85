"""Asking a provider what became of messages that are in doubt; of those that were sent as well,
where it is configured to be asked for receipts.

One pass at a time asks a provider, over all workers, and for a slice of time, so that one that is
slow to answer takes one thread of all workers' and no more. The next pass goes on where it ended.
"""

import time
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import redis
import structlog

from vestnik.db import sql
from vestnik.db.advisory_lock import advisory_lock
from vestnik.db.lock_ids import STATUS_POLL_LOCK
from vestnik.db.sql import array
from vestnik.dispatch.receive import receipts
from vestnik.dispatch.reconcile import unknown_messages
from vestnik.dispatch.reconcile.poll_cursors import PollCursor, PollCursors
from vestnik.dispatch.record.outcome_batch import SEPARATOR
from vestnik.dispatch.send.provider_pool import ProviderPool
from vestnik.dispatch.signals import wakeups
from vestnik.mailings.models import Mailing
from vestnik.providers.base import Accepted, Deferred, Provider, Receipt, Reply, StatusQuery
from vestnik.providers.registry import describe

log = structlog.get_logger(__name__)

SLICE = 10.0
# A group is asked about at once and waited for: no more than vendors answer at once, so that even
# one whose questions all run into their deadline is over within that.
GROUP_SIZE = 4
# Beside a question's deadline, in which nothing is said to the database.
LONGEST_SILENCE = 10.0
READ_AT_ONCE = 200
# How old a message that was sent is when it is asked about.
AGES = "{1 min,3 min,10 min,30 min,90 min,4 h,12 h,24 h,48 h}"

# Batch by batch, in the order of their messages: what was asked about already is not read again.
TO_ASK = """
SELECT m.id, m.phone_number, coalesce(m.provider_message_id, ''), m.attempt_id, b.id
FROM dispatch_batch b
CROSS JOIN LATERAL (
    SELECT * FROM dispatch_message m
    WHERE m.id BETWEEN greatest(b.first_message_id, %(after)s + 1) AND b.last_message_id
        AND m.mailing_id + 0 = b.mailing_id AND m.state = '{state}' {and_due}
    ORDER BY m.id
) m
WHERE b.mailing_id = %(mailing)s AND b.{state} > 0 AND b.last_message_id > %(after)s
ORDER BY b.first_message_id, m.id LIMIT %(most)s
"""
# Those that came to one of these ages since the round before: no message has to keep a date.
CAME_OF_AGE = """
AND width_bucket(to_timestamp(%(began)s) - m.sent_at, %(ages)s::interval[])
    > width_bucket(to_timestamp(%(before)s) - m.sent_at, %(ages)s::interval[])
"""
STATEMENTS = {
    "unknown": TO_ASK.format(state="unknown", and_due=""),
    "sent": TO_ASK.format(state="sent", and_due=CAME_OF_AGE),
}

WITH_SENT = f"""
SELECT m.id FROM mailings_mailing m
WHERE m.provider = %s AND m.started_at IS NOT NULL AND {unknown_messages.RECENT}
    AND EXISTS (SELECT FROM dispatch_batch b WHERE b.mailing_id = m.id AND b.sent > 0)
"""

# What the provider has is sent; what it does not have is queued again while the mailing is under
# way, unless its client was erased meanwhile; `recheck`, since they may have been deleted. The
# attempt has to be the one that was asked about.
ANSWERED = """
WITH reply AS (
    SELECT * FROM unnest(%(ids)s::bigint[], %(attempts)s::bigint[], %(states)s::text[],
        string_to_array(%(provider_ids)s, E'\\x1f', '')) AS r (id, attempt_id, state, provider_id)
),
owner AS MATERIALIZED (
    SELECT id, state IN ('running', 'paused') AS under_way
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
        sent_at = CASE reply.state WHEN 'sent' THEN coalesce(m.sent_at, clock_timestamp())
            ELSE m.sent_at END,
        provider_message_id = coalesce(reply.provider_id, m.provider_message_id)
    FROM reply, held
    WHERE m.id = reply.id AND m.id BETWEEN held.first_message_id AND held.last_message_id
        AND m.state = 'unknown' AND m.attempt_id = reply.attempt_id
        AND (reply.state = 'sent' OR held.under_way AND m.phone_number <> '')
    RETURNING held.id, m.state
),
counted AS (
    SELECT id, count(*) FILTER (WHERE state = 'sent') AS sent,
        count(*) FILTER (WHERE state = 'queued') AS queued
    FROM settled GROUP BY id
)
UPDATE dispatch_batch b SET
    unknown = b.unknown - c.sent - c.queued, sent = b.sent + c.sent, queued = b.queued + c.queued,
    recheck = b.recheck OR c.queued > 0,
    due_at = CASE WHEN b.state = 'done' THEN clock_timestamp() ELSE b.due_at END,
    open_until = CASE WHEN b.state = 'done' THEN NULL ELSE b.open_until END,
    state = CASE WHEN b.state = 'done' AND c.queued > 0 THEN 'ready' ELSE b.state END
FROM counted c WHERE b.id = c.id
RETURNING c.sent + c.queued
"""

Row = tuple[Any, ...]


def mailings_to_poll(provider: Provider) -> list[int]:
    """The mailings of which the provider can tell something."""
    return [mailing for mailing, _ in _pollable(provider)]


def poll(mailing_id: int, pool: ProviderPool, stopping: Callable[[], bool]) -> int:
    """Ask that mailing's provider about it and about all others that it can tell something of, in
    turns; how many messages were settled.

    Returns at once where another worker is at it, and after a slice of time.
    """
    alias = Mailing.objects.values_list("provider", flat=True).get(id=mailing_id)
    provider = describe(alias)
    if not provider.can_query:
        return 0
    silent = provider.deadline + LONGEST_SILENCE
    lock_id = STATUS_POLL_LOCK | zlib.crc32(alias.encode())
    with advisory_lock(lock_id, most_idle_seconds=silent) as is_acquired:
        settled = _poll_in_turns(provider, mailing_id, pool, stopping) if is_acquired else 0
    if settled:
        wakeups.wake_dispatchers(alias)
    return settled


def _pollable(provider: Provider) -> list[tuple[int, str]]:
    """Mailings, each with the state of the messages that are asked about."""
    if not provider.can_query:
        return []
    mailings = [
        (mailing, "unknown") for mailing in unknown_messages.mailings_to_ask([provider.alias])
    ]
    if provider.receipts == "query":
        mailings += [(mailing, "sent") for (mailing,) in sql.rows(WITH_SENT, [provider.alias])]
    return mailings


def _poll_in_turns(
    provider: Provider, mailing_id: int, pool: ProviderPool, stopping: Callable[[], bool]
) -> int:
    """A group of each mailing after the other, so that a large one keeps none waiting."""
    settled = polled = 0
    cursors, end = PollCursors(provider.alias), time.monotonic() + SLICE
    now = sql.value("SELECT extract(epoch FROM clock_timestamp())::float8")
    try:
        waiting = deque(cursors.due([(mailing_id, "unknown"), *_pollable(provider)], now))
        while waiting and time.monotonic() < end and not stopping():
            cursor = waiting.popleft()
            group = _next_group(cursor)
            cursor.turn, cursor.after = now, group[-1][0] if group else None
            # Before it is asked: what a provider chokes on is not asked about again at once.
            cursors.save(cursor)
            if group:
                settled += _query_group(provider, cursor.mailing_id, group, pool)
                polled += len(group)
                waiting.append(cursor)
    except redis.RedisError as trouble:
        log.info("asking waits", provider=provider.alias, trouble=type(trouble).__name__)
    finally:
        cursors.close()
    if polled:
        log.info("asked", provider=provider.alias, messages=polled, settled=settled)
    return settled


def _next_group(cursor: PollCursor) -> list[Row]:
    """The next messages of the round; none where it is over."""
    if not cursor.rows:
        cursor.rows.extend(
            sql.rows(
                STATEMENTS[cursor.state],
                {
                    "mailing": cursor.mailing_id,
                    "after": cursor.after,
                    "began": cursor.began,
                    "before": cursor.before,
                    "ages": AGES,
                    "most": READ_AT_ONCE,
                },
            )
        )
    return [cursor.rows.popleft() for _ in range(min(GROUP_SIZE, len(cursor.rows)))]


def _query_group(
    provider: Provider, mailing_id: int, rows: Sequence[Row], pool: ProviderPool
) -> int:
    replies = pool.ask(provider, [StatusQuery(*row[:3]) for row in rows])
    final = [reply for reply in replies if isinstance(reply, Receipt)]
    if final:
        receipts.apply(provider.alias, final)
    return len(final) + _record_replies(mailing_id, rows, replies)


def _record_replies(mailing_id: int, rows: Sequence[Row], replies: Sequence[Reply]) -> int:
    """What is in doubt and known to be with the provider, or not to be."""
    known = [
        (row, reply)
        for row, reply in zip(rows, replies, strict=True)
        if row[3] is not None and isinstance(reply, (Accepted, Deferred))
    ]
    if not known:
        return 0
    found = sql.rows(
        ANSWERED,
        {
            "mailing": mailing_id,
            "ids": array([row[0] for row, _ in known]),
            "attempts": array([row[3] for row, _ in known]),
            "batches": array([row[4] for row, _ in known]),
            "states": array(["sent" if isinstance(r, Accepted) else "queued" for _, r in known]),
            "provider_ids": SEPARATOR.join(getattr(r, "provider_id", "") for _, r in known),
        },
    )
    return sum(int(n) for (n,) in found)
