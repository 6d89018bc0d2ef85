"""Batches of a mailing with local hours.

Each is of one time zone, waits until the hours open there, and is let go of when they close. The
next opening is set whether or not the mailing's end comes first: then the end expires the batch,
and an end that an operator moves away lets it go after all.
"""

from datetime import timedelta

from vestnik.dispatch import sql
from vestnik.dispatch.claims import END_GUARD
from vestnik.mailings.hours import LocalHours
from vestnik.mailings.models import Mailing
from vestnik.mailings.rules import database_now

NONE_NEW = 2**31 - 1

ZONES = """
SELECT DISTINCT timezone FROM dispatch_batch
WHERE mailing_id = %s AND state = 'ready' AND timezone IS NOT NULL
    AND CASE WHEN open_until IS NULL THEN number >= %s
        ELSE open_until <= clock_timestamp() + %s * interval '1 second' END
"""

SCHEDULE = """
UPDATE dispatch_batch b SET due_at = o.opens, open_until = o.closes,
    state = CASE WHEN o.opens <= clock_timestamp() THEN 'ready' ELSE 'waiting' END
FROM unnest(%s::text[], %s::timestamptz[], %s::timestamptz[]) AS o (zone, opens, closes)
WHERE b.timezone = o.zone AND b.id IN (
    SELECT id FROM dispatch_batch
    WHERE mailing_id = %s AND state = 'ready' AND timezone IS NOT NULL
        AND CASE WHEN open_until IS NULL THEN number >= %s
            ELSE open_until <= clock_timestamp() + %s * interval '1 second' END
    ORDER BY id FOR UPDATE
)
"""

CLOSED = """
SELECT DISTINCT mailing_id FROM dispatch_batch
WHERE state = 'ready' AND open_until <= clock_timestamp() + %s * interval '1 second'
"""


def schedule(mailing: Mailing, new_from: int = NONE_NEW) -> int:
    """Have the batches that are new, by their numbers, or whose hours are over, wait for the next;
    how many. Others without hours of their own wait for whom a worker finds in them."""
    which = [mailing.id, new_from, END_GUARD]
    zones = [zone for (zone,) in sql.rows(ZONES, which)]
    if not zones or mailing.local_hours is None:
        return 0
    hours = LocalHours.read(mailing.local_hours)
    instant = database_now() + timedelta(seconds=END_GUARD)
    openings = [hours.opening(zone, instant) for zone in zones]
    opens, closes = ([opening[end] for opening in openings] for end in (0, 1))
    return sql.run(SCHEDULE, [zones, opens, closes, *which])


def schedule_closed() -> None:
    """Have every batch whose hours are over wait for the next."""
    for (mailing_id,) in sql.rows(CLOSED, [END_GUARD]):
        schedule(Mailing.objects.get(id=mailing_id))
