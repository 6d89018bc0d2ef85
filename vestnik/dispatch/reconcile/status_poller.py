"""Polls providers for the status of unknown messages, and of sent ones if receipts are polled.

One poll at a time runs for each provider, over all workers, for a slice of time (decision 0068). So
a provider that answers slowly takes one thread of all workers together. The next poll continues
where the last one ended.
"""

import time
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import redis
import structlog

from vestnik.db import sql
from vestnik.db.advisory_lock import advisory_lock
from vestnik.db.lock_ids import STATUS_POLL_LOCK
from vestnik.db.sql import array
from vestnik.dispatch.receive import receipts
from vestnik.dispatch.reconcile import unknown_messages
from vestnik.dispatch.reconcile.poll_cursors import PollCursor, PollCursors
from vestnik.dispatch.record.recorder import SEPARATOR
from vestnik.dispatch.send.provider_pool import ProviderPool
from vestnik.dispatch.signals import wakeups
from vestnik.dispatch.states import QUEUED, SENT, UNKNOWN, MessageState
from vestnik.dispatch.transitions.resolve import RECORD_ANSWERS
from vestnik.mailings.models import Mailing
from vestnik.providers.base import Accepted, Deferred, Provider, Receipt, Reply, StatusQuery
from vestnik.providers.registry import describe

log = structlog.get_logger(__name__)

#: Seconds that one poll takes.
SLICE = 10.0
#: Messages queried at the same time. Vendors answer that many in parallel, so a group takes one
#: deadline at most, even if no query is answered.
GROUP_SIZE = 4
#: Seconds beyond a query's deadline for which the session with the lock may send no statement.
LONGEST_SILENCE = 10.0
#: Messages read by one statement.
READ_AT_ONCE = 200
#: The ages at which a sent message is queried for its receipt (decision 0069).
AGES = "{1 min,3 min,10 min,30 min,90 min,4 h,12 h,24 h,48 h}"

# Messages that have reached one of these ages since the previous round, derived from `sent_at` and
# the starts of both rounds: no message stores the date of its next query, and no index is needed.
CAME_OF_AGE = """
AND width_bucket(to_timestamp(%(began)s) - m.sent_at, %(ages)s::interval[])
    > width_bucket(to_timestamp(%(before)s) - m.sent_at, %(ages)s::interval[])
"""


def _to_ask(state: MessageState, and_due: str = "") -> str:
    """Return the query of the next messages in a state, in the order of their ids.

    It starts after the message queried last, in its batch, so earlier messages are not read again.
    """
    return f"""
SELECT m.id AS message_id, m.phone_number,
    coalesce(m.provider_message_id, '') AS provider_message_id, m.attempt_id, b.id AS batch_id
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


TO_ASK = {UNKNOWN: _to_ask(UNKNOWN), SENT: _to_ask(SENT, CAME_OF_AGE)}

# Recent mailings with sent messages whose receipts are polled.
WITH_SENT = f"""
SELECT m.id FROM mailings_mailing m
WHERE m.provider = %s AND m.started_at IS NOT NULL AND {unknown_messages.RECENT}
    AND EXISTS (SELECT FROM dispatch_batch b WHERE b.mailing_id = m.id AND b.sent > 0)
"""
# Rounds are timed by the database's clock, which all workers share.
NOW = "SELECT extract(epoch FROM clock_timestamp())::float8"


class MessageToAsk(NamedTuple):
    """A message whose status is queried."""

    message_id: int
    phone_number: str
    provider_message_id: str
    attempt_id: int | None
    batch_id: int


def mailings_to_poll(provider: Provider) -> list[int]:
    """Return the mailings with messages whose status the provider can report."""
    return [mailing for mailing, _ in _pollable(provider)]


def poll(mailing_id: int, pool: ProviderPool, stopping: Callable[[], bool]) -> int:
    """Poll the mailing's provider about this mailing and all its others, in turns.

    Return how many messages were settled. Return at once if another worker polls this provider, and
    otherwise after SLICE seconds.
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


def _pollable(provider: Provider) -> list[tuple[int, MessageState]]:
    """Return pairs of mailing and state of the messages to query."""
    if not provider.can_query:
        return []
    mailings = [
        (mailing, UNKNOWN) for mailing in unknown_messages.mailings_to_ask([provider.alias])
    ]
    if provider.receipts == "query":
        mailings += [(mailing, SENT) for (mailing,) in sql.rows(WITH_SENT, [provider.alias])]
    return mailings


def _poll_in_turns(
    provider: Provider, mailing_id: int, pool: ProviderPool, stopping: Callable[[], bool]
) -> int:
    """Query a group of each mailing in turn, so that a large mailing delays no other."""
    settled = polled = 0
    cursors, end = PollCursors(provider.alias), time.monotonic() + SLICE
    now = sql.value(NOW)
    try:
        waiting = deque(cursors.due([(mailing_id, UNKNOWN), *_pollable(provider)], now))
        while waiting and time.monotonic() < end and not stopping():
            cursor = waiting.popleft()
            group = _next_group(cursor)
            cursor.turn, cursor.after = now, group[-1].message_id if group else None
            # Saved before the query: a message on which the provider fails is not queried again
            # soon.
            cursors.save(cursor)
            if group:
                settled += _query_group(provider, cursor.mailing_id, group, pool)
                polled += len(group)
                waiting.append(cursor)
    except redis.RedisError as trouble:
        log.info("status poll waits", provider=provider.alias, trouble=type(trouble).__name__)
    if polled:
        log.info("status polled", provider=provider.alias, messages=polled, settled=settled)
    return settled


def _next_group(cursor: PollCursor) -> list[MessageToAsk]:
    """Return the next messages of the round; an empty list at its end."""
    if not cursor.rows:
        cursor.rows.extend(
            sql.rows(
                TO_ASK[MessageState(cursor.state)],
                {
                    "mailing": cursor.mailing_id,
                    "after": cursor.after,
                    "began": cursor.began,
                    "before": cursor.before,
                    "ages": AGES,
                    "most": READ_AT_ONCE,
                },
                of=MessageToAsk,
            )
        )
    return [cursor.rows.popleft() for _ in range(min(GROUP_SIZE, len(cursor.rows)))]


def _query_group(
    provider: Provider, mailing_id: int, rows: Sequence[MessageToAsk], pool: ProviderPool
) -> int:
    replies = pool.ask(provider, [_query_about(row) for row in rows])
    final = [reply for reply in replies if isinstance(reply, Receipt)]
    if final:
        receipts.apply(provider.alias, final)
    return len(final) + record_replies(mailing_id, rows, replies)


def _query_about(row: MessageToAsk) -> StatusQuery:
    return StatusQuery(row.message_id, row.phone_number, row.provider_message_id)


def record_replies(mailing_id: int, rows: Sequence[MessageToAsk], replies: Sequence[Reply]) -> int:
    """Settle unknown messages that the provider has, or does not have; return how many."""
    known = [
        (row, reply)
        for row, reply in zip(rows, replies, strict=True)
        if row.attempt_id is not None and isinstance(reply, (Accepted, Deferred))
    ]
    if not known:
        return 0
    found = sql.rows(
        RECORD_ANSWERS,
        {
            "mailing": mailing_id,
            "ids": array([row.message_id for row, _ in known]),
            "attempts": array([row.attempt_id for row, _ in known]),
            "batches": array([row.batch_id for row, _ in known]),
            "states": array([SENT if isinstance(r, Accepted) else QUEUED for _, r in known]),
            "provider_ids": SEPARATOR.join(getattr(r, "provider_id", "") for _, r in known),
        },
    )
    return sum(int(n) for (n,) in found)
