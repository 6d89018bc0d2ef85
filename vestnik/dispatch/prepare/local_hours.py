"""Schedules the batches of a mailing with local hours.

A batch belongs to one time zone. It waits until the hours open there and is released when they
close. The next opening is stored even if the mailing ends before it: the end expires the batch,
unless an operator postpones it.
"""

from datetime import timedelta

from vestnik.db import sql
from vestnik.dispatch.states import READY
from vestnik.dispatch.transitions.hours import (
    SCHEDULE_NEW,
    SCHEDULE_OVER,
    ZONES_NEW,
    ZONES_OVER,
)
from vestnik.mailings.local_hours import LocalHours
from vestnik.mailings.models import Mailing
from vestnik.mailings.window import END_GUARD, database_now

# Mailings with a ready batch whose hours are over, by the partial index of `open_until`.
CLOSED = f"""
SELECT DISTINCT mailing_id FROM dispatch_batch
WHERE state = '{READY}' AND open_until <= clock_timestamp() + %s * interval '1 second'
"""


def schedule_new(mailing: Mailing, first: int) -> int:
    """Have the batches from number `first` on wait for the hours; return how many.

    To be called in the transaction that creates them.
    """
    return _schedule(mailing, ZONES_NEW, SCHEDULE_NEW, first)


def schedule(mailing: Mailing) -> int:
    """Have the batches whose hours are over wait for the next opening; return how many.

    Batches without `open_until` are left to the worker that claims them: it reads their clients.
    """
    return _schedule(mailing, ZONES_OVER, SCHEDULE_OVER, END_GUARD)


def _schedule(mailing: Mailing, zones_of: str, scheduling: str, bound: float) -> int:
    given = [mailing.id, bound]
    zones = [zone for (zone,) in sql.rows(zones_of, given)]
    if not zones or mailing.local_hours is None:
        return 0
    hours = LocalHours.read(mailing.local_hours)
    now, guard = database_now(), timedelta(seconds=END_GUARD)
    openings = [hours.next_open(zone, now, guard) for zone in zones]
    opens, closes = ([opening[end] for opening in openings] for end in (0, 1))
    return sql.run(scheduling, [zones, opens, closes, *given]).rowcount


def schedule_closed() -> None:
    """Have all batches whose hours are over wait for the next opening."""
    for (mailing_id,) in sql.rows(CLOSED, [END_GUARD]):
        schedule(Mailing.objects.get(id=mailing_id))
