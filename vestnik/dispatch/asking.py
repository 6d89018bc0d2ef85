"""Asking a provider what became of the messages that are in doubt."""

from collections.abc import Sequence

import redis
import structlog
from django.conf import settings

from vestnik.dispatch import hints, receipts, sql
from vestnik.dispatch.hands import Hands
from vestnik.dispatch.settled import SEPARATOR, array
from vestnik.mailings.models import Mailing
from vestnik.providers.base import Accepted, Deferred, Question, Receipt, Reply
from vestnik.providers.registry import described

log = structlog.get_logger(__name__)

AT_ONCE = 200
# Vendors refuse to be asked more often (SMSC.ru: one bulk status request a minute).
ASK_EVERY = 60

IN_DOUBT = """
SELECT m.id, m.phone_number, coalesce(m.provider_message_id, ''), m.attempt_id
FROM dispatch_batch b
JOIN dispatch_message m ON m.id BETWEEN b.first_message_id AND b.last_message_id
WHERE b.mailing_id = %s AND b.unknown > 0 AND m.mailing_id + 0 = b.mailing_id
    AND m.state = 'unknown' AND m.id > %s
ORDER BY m.id LIMIT %s
"""

# What the provider has is sent; what it does not have is queued again while the mailing is under
# way. The attempt has to be the one that was asked about.
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
    WHERE b.unknown > 0 ORDER BY b.id FOR UPDATE OF b
),
settled AS (
    UPDATE dispatch_message m SET
        state = reply.state, error = NULL, next_attempt_at = NULL, attempt_id = NULL,
        sent_at = CASE reply.state WHEN 'sent' THEN coalesce(m.sent_at, clock_timestamp())
            ELSE m.sent_at END,
        provider_message_id = coalesce(reply.provider_id, m.provider_message_id)
    FROM reply, held
    WHERE m.id = reply.id AND m.id BETWEEN held.first_message_id AND held.last_message_id
        AND m.state = 'unknown' AND m.attempt_id = reply.attempt_id
        AND (reply.state = 'sent' OR held.under_way)
    RETURNING held.id, m.state
),
counted AS (
    SELECT id, count(*) FILTER (WHERE state = 'sent') AS sent,
        count(*) FILTER (WHERE state = 'queued') AS queued
    FROM settled GROUP BY id
)
UPDATE dispatch_batch b SET
    unknown = b.unknown - c.sent - c.queued, sent = b.sent + c.sent, queued = b.queued + c.queued,
    state = CASE WHEN b.state = 'done' AND c.queued > 0 THEN 'ready' ELSE b.state END
FROM counted c WHERE b.id = c.id
RETURNING c.sent + c.queued
"""


def ask(mailing_id: int, hands: Hands) -> int:
    """Ask about all unknown messages of a mailing; how many were settled."""
    mailing = Mailing.objects.get(id=mailing_id)
    provider = described(mailing.provider)
    if not provider.can_query or not _turn(mailing_id):
        return 0
    settled, after = 0, 0
    while rows := sql.rows(IN_DOUBT, [mailing_id, after, AT_ONCE]):
        replies = hands.ask(provider, [Question(*row[:3]) for row in rows])
        settled += _apply(mailing, rows, replies)
        after = rows[-1][0]
    log.info("asked about unknown messages", mailing=mailing_id, settled=settled)
    hints.call_to_work(mailing.provider)
    return settled


def _apply(mailing: Mailing, rows: Sequence[tuple[int, ...]], replies: Sequence[Reply]) -> int:
    final = [reply for reply in replies if isinstance(reply, Receipt)]
    receipts.apply(mailing.provider, final)
    pairs = zip(rows, replies, strict=True)
    known = [(row, reply) for row, reply in pairs if isinstance(reply, (Accepted, Deferred))]
    found = sql.rows(
        ANSWERED,
        {
            "mailing": mailing.id,
            "ids": array([row[0] for row, _ in known]),
            "attempts": array([row[3] for row, _ in known]),
            "states": array(["sent" if isinstance(r, Accepted) else "queued" for _, r in known]),
            "provider_ids": SEPARATOR.join(getattr(r, "provider_id", "") for _, r in known),
        },
    )
    return len(final) + sum(int(n) for (n,) in found)


def _turn(mailing_id: int) -> bool:
    """Whether it is time to ask again, over all workers."""
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
    try:
        return bool(client.set(f"vestnik:asked:{mailing_id}", 1, nx=True, ex=ASK_EVERY))
    except redis.RedisError:
        return False
