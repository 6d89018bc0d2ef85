"""Receipts: a provider's later word on its messages, in bulk, in any order, any number of times.

A receipt finds its message by the provider's id or by ours. One that finds none yet is kept, and
applied when the hand-over is recorded. The first final word stands; a receipt also settles a
message that was `unknown`.
"""

from collections.abc import Sequence

import structlog
from django.db import transaction

from vestnik.dispatch import sql
from vestnik.dispatch.models import KeptReceipt
from vestnik.providers.base import Receipt

log = structlog.get_logger(__name__)

KEEP_DAYS = 3
SEPARATOR = "\x1f"

GIVEN = """
given AS (
    SELECT DISTINCT ON (coalesce(h.message_id, g.message_id))
        coalesce(h.message_id, g.message_id) AS id, g.state, g.at, g.error
    FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::timestamptz[], %s::text[])
        AS g (provider_id, message_id, state, at, error)
    LEFT JOIN dispatch_handover h
        ON h.alias = %s AND h.provider_message_id = g.provider_id AND g.provider_id <> ''
    ORDER BY 1, g.at
)
"""

# Batches are locked first and in order, as every other writer does: no two can wait for each other.
LOCK = f"""
WITH {GIVEN}
SELECT b.id FROM dispatch_batch b WHERE b.id IN (
    SELECT (
        SELECT c.id FROM dispatch_batch c
        WHERE c.mailing_id = m.mailing_id AND c.first_message_id <= m.id
        ORDER BY c.first_message_id DESC LIMIT 1
    )
    FROM given JOIN dispatch_message m ON m.id = given.id
) ORDER BY b.id FOR UPDATE
"""

APPLY = f"""
WITH {GIVEN},
found AS (
    SELECT m.id, m.state AS was, given.state, given.at, given.error
    FROM given JOIN dispatch_message m ON m.id = given.id
),
applied AS (
    UPDATE dispatch_message m SET
        state = found.state, error = nullif(found.error, ''),
        sent_at = coalesce(m.sent_at, found.at),
        delivered_at = CASE found.state WHEN 'delivered' THEN found.at END
    FROM found
    WHERE m.id = found.id AND m.state IN ('sent', 'unknown')
    RETURNING m.id, m.mailing_id, found.was, found.state
),
moved AS (
    SELECT (
            SELECT c.id FROM dispatch_batch c
            WHERE c.mailing_id = a.mailing_id AND c.first_message_id <= a.id
            ORDER BY c.first_message_id DESC LIMIT 1
        ) AS id,
        count(*) FILTER (WHERE was = 'sent') AS sent,
        count(*) FILTER (WHERE was = 'unknown') AS unknown,
        count(*) FILTER (WHERE state = 'delivered') AS delivered,
        count(*) FILTER (WHERE state = 'undelivered') AS undelivered
    FROM applied a GROUP BY 1
),
counted AS (
    UPDATE dispatch_batch b SET
        sent = b.sent - moved.sent, unknown = b.unknown - moved.unknown,
        delivered = b.delivered + moved.delivered,
        undelivered = b.undelivered + moved.undelivered
    FROM moved WHERE b.id = moved.id
)
SELECT g.n::int, f.was IS NULL OR f.was = 'queued'
FROM unnest(%s::text[], %s::bigint[]) WITH ORDINALITY AS g (provider_id, message_id, n)
LEFT JOIN dispatch_handover h
    ON h.alias = %s AND h.provider_message_id = g.provider_id AND g.provider_id <> ''
LEFT JOIN found f ON f.id = coalesce(h.message_id, g.message_id)
"""

FORGET = """
DELETE FROM dispatch_keptreceipt WHERE kept_at < clock_timestamp() - %s * interval '1 day'
"""

KEPT = """
DELETE FROM dispatch_keptreceipt
WHERE alias = %s AND (provider_message_id = ANY(%s::text[]) OR message_id = ANY(%s::bigint[]))
RETURNING provider_message_id, message_id, state, at, error
"""


def apply(alias: str, receipts: Sequence[Receipt]) -> int:
    """Apply receipts and keep those that match nothing yet; how many were kept."""
    if not receipts:
        return 0
    with transaction.atomic():
        kept = _apply(alias, receipts)
        KeptReceipt.objects.bulk_create(
            KeptReceipt(
                alias=alias,
                provider_message_id=receipt.provider_id,
                message_id=receipt.message_id,
                state=receipt.state,
                at=receipt.at,
                error=receipt.error,
            )
            for receipt in kept
        )
    log.debug("receipts", provider=alias, count=len(receipts), kept=len(kept))
    return len(kept)


def apply_kept(alias: str, provider_ids: Sequence[str], message_ids: Sequence[int]) -> None:
    """Apply what was kept for hand-overs that have just been recorded."""
    if not sql.value("SELECT EXISTS (SELECT FROM dispatch_keptreceipt WHERE alias = %s)", [alias]):
        return
    with transaction.atomic():
        rows = sql.rows(KEPT, [alias, list(provider_ids), list(message_ids)])
        found = [
            Receipt(alias, state, at, provider_id=provider_id, message_id=message_id, error=error)
            for provider_id, message_id, state, at, error in rows
        ]
        if found:
            _apply(alias, found)


def forget_old() -> None:
    """Drop the kept receipts that nothing will match any more."""
    sql.run(FORGET, [KEEP_DAYS])


def _apply(alias: str, receipts: Sequence[Receipt]) -> list[Receipt]:
    """Apply within the caller's transaction; those that matched nothing."""
    ids = [[r.provider_id for r in receipts], [r.message_id for r in receipts]]
    rest = [[r.state for r in receipts], [r.at for r in receipts], [r.error for r in receipts]]
    sql.rows(LOCK, [*ids, *rest, alias])
    rows = sql.rows(APPLY, [*ids, *rest, alias, *ids, alias])
    return [receipts[number - 1] for number, unmatched in rows if unmatched]
