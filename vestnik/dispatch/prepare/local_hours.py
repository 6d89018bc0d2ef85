"""Batches of a mailing with local hours.

Each is of one time zone, waits until the hours open there, and is let go of when they close. The
next opening is set whether or not the mailing's end comes first: then the end expires the batch,
and an end that an operator moves away lets it go after all.
"""

from datetime import timedelta

from vestnik.db import sql
from vestnik.mailings.local_hours import LocalHours
from vestnik.mailings.models import Mailing
from vestnik.mailings.rules import database_now
from vestnik.mailings.window import END_GUARD

# Which of a mailing's batches: those whose hours are over, and those of a chunk that is not
# committed yet. A chunk locks no row that others know of: it holds back nobody, and waits for
# nobody who holds the mailing and waits for a batch.
OVER = "open_until <= clock_timestamp() + %s * interval '1 second'"
NEW = "open_until IS NULL AND number >= %s"

ZONES = """
SELECT DISTINCT timezone FROM dispatch_batch
WHERE mailing_id = %s AND state = 'ready' AND timezone IS NOT NULL AND {which}
"""

SCHEDULE = """
UPDATE dispatch_batch b SET due_at = o.opens, open_until = o.closes,
    state = CASE WHEN o.opens <= clock_timestamp() THEN 'ready' ELSE 'waiting' END
FROM unnest(%s::text[], %s::timestamptz[], %s::timestamptz[]) AS o (zone, opens, closes)
WHERE b.timezone = o.zone AND b.id IN (
    SELECT id FROM dispatch_batch
    WHERE mailing_id = %s AND state = 'ready' AND timezone IS NOT NULL AND {which}
    ORDER BY id FOR UPDATE
)
"""

CLOSED = """
SELECT DISTINCT mailing_id FROM dispatch_batch
WHERE state = 'ready' AND open_until <= clock_timestamp() + %s * interval '1 second'
"""


def schedule_new(mailing: Mailing, first: int) -> int:
    """Have the batches from that number on wait for the hours to open; how many. For the
    transaction that makes them."""
    return _schedule(mailing, NEW, first)


def schedule(mailing: Mailing) -> int:
    """Have the batches whose hours are over wait for the next; how many. Others without hours of
    their own wait for whom a worker finds in them."""
    return _schedule(mailing, OVER, END_GUARD)


def _schedule(mailing: Mailing, which: str, bound: float) -> int:
    given = [mailing.id, bound]
    zones = [zone for (zone,) in sql.rows(ZONES.format(which=which), given)]
    if not zones or mailing.local_hours is None:
        return 0
    hours = LocalHours.read(mailing.local_hours)
    now, guard = database_now(), timedelta(seconds=END_GUARD)
    openings = [hours.next_open(zone, now, guard) for zone in zones]
    opens, closes = ([opening[end] for opening in openings] for end in (0, 1))
    return sql.run(SCHEDULE.format(which=which), [zones, opens, closes, *given])


def schedule_closed() -> None:
    """Have every batch whose hours are over wait for the next."""
    for (mailing_id,) in sql.rows(CLOSED, [END_GUARD]):
        schedule(Mailing.objects.get(id=mailing_id))
