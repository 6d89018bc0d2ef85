"""Local hours: batches of a time zone wait until the hours open there. The move `local hours`."""

from vestnik.dispatch.states import READY, WAITING


def _of_hours(which: str) -> tuple[str, str]:
    """Return two statements about the batches that `which` selects: the query of their time zones,
    and the update that sets their opening and closing times."""
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


# OVER: ready batches whose hours have ended. NEW: the batches of a chunk that is not committed yet.
# A chunk locks only rows that no other transaction can see, so it blocks no other transaction and
# cannot deadlock with one that holds the mailing and waits for a batch.
ZONES_OVER, SCHEDULE_OVER = _of_hours("open_until <= clock_timestamp() + %s * interval '1 second'")
ZONES_NEW, SCHEDULE_NEW = _of_hours("open_until IS NULL AND number >= %s")
