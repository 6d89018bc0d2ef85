"""Batches wait for the hours of their clients: `local hours`."""

from vestnik.dispatch.states import READY, WAITING


def _of_hours(which: str) -> tuple[str, str]:
    """Of which zones a mailing's batches are, and the statement that has them wait for the hours to
    open there."""
    batches = f"mailing_id = %s AND state = '{READY}' AND timezone IS NOT NULL AND {which}"
    zones = f"""
SELECT DISTINCT timezone FROM dispatch_batch WHERE {batches}
"""
    schedule = f"""
UPDATE dispatch_batch b SET due_at = o.opens, open_until = o.closes,
    state = CASE WHEN o.opens <= clock_timestamp() THEN '{READY}' ELSE '{WAITING}' END
FROM unnest(%s::text[], %s::timestamptz[], %s::timestamptz[]) AS o (zone, opens, closes)
WHERE b.timezone = o.zone AND b.id IN (
    SELECT id FROM dispatch_batch WHERE {batches} ORDER BY id FOR UPDATE
)
"""
    return zones, schedule


# Which of a mailing's batches: those whose hours are over, and those of a chunk that is not
# committed yet. A chunk locks no row that others know of: it holds back nobody, and waits for
# nobody who holds the mailing and waits for a batch.
ZONES_OVER, SCHEDULE_OVER = _of_hours("open_until <= clock_timestamp() + %s * interval '1 second'")
ZONES_NEW, SCHEDULE_NEW = _of_hours("open_until IS NULL AND number >= %s")
