"""Closes ended mailings: queued messages become expired or cancelled, then the mailing finishes.

Messages in flight are finished first: their batch is claimed, and closed after its release.
"""

from collections.abc import Sequence
from datetime import timedelta

import structlog
from django.db import transaction

from vestnik.db import sql
from vestnik.dispatch.states import DONE, EXPIRED, OPEN_SQL
from vestnik.dispatch.suppress.revocation import DOUBTED
from vestnik.dispatch.transitions.close import (
    CLOSE,
    FINISH_DONE,
    IS_DONE,
    IS_GIVEN_UP,
    LOCK_TO_FINISH,
    OVER_SQL,
    TAKE,
)
from vestnik.mailings.local_hours import LocalHours
from vestnik.mailings.models import SYSTEM, UNDER_WAY_SQL, Mailing
from vestnik.mailings.window import END_GUARD
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

log = structlog.get_logger(__name__)

#: Batches closed in one transaction: a million queued messages take about eight seconds, and no
#: lock is held for long (decision 0042).
BATCHES_AT_ONCE = 50
#: Mailings finished in one transaction.
MAILINGS_AT_ONCE = 500

# Starts from open batches and mailings under way, so finished mailings cost nothing.
TO_CLOSE = f"""
SELECT id FROM mailings_mailing m
WHERE state IN {UNDER_WAY_SQL} AND enlisted_at IS NOT NULL AND (
    ends_at <= clock_timestamp()
    OR NOT EXISTS (SELECT FROM dispatch_batch b WHERE b.mailing_id = m.id AND b.state <> '{DONE}')
)
UNION
SELECT id FROM mailings_mailing m WHERE {IS_GIVEN_UP}
UNION
SELECT DISTINCT m.id FROM dispatch_batch b JOIN mailings_mailing m ON m.id = b.mailing_id
WHERE b.state IN {OPEN_SQL} AND m.state IN {OVER_SQL}
"""

IS_TO_CLOSE = f"""
SELECT FROM mailings_mailing
WHERE id = %s AND (state IN {OVER_SQL}
    OR state IN {UNDER_WAY_SQL} AND ends_at <= clock_timestamp())
"""
ALL_DONE = f"""
SELECT id FROM mailings_mailing m WHERE {IS_DONE} ORDER BY id LIMIT %s
"""

NEVER_OPEN = Reason(Code.HOURS_NEVER_OPEN)
# The time zones of the open batches.
ZONES = f"""
SELECT DISTINCT timezone FROM dispatch_batch
WHERE mailing_id = %s AND state IN {OPEN_SQL} AND timezone IS NOT NULL
"""


def close(mailing_id: int) -> None:
    """Close the queued messages of a mailing that has ended, and finish all mailings that are
    done."""
    if sql.rows(IS_TO_CLOSE, [mailing_id]):
        never_open = _never_open(Mailing.objects.get(id=mailing_id))
        while _close_some(mailing_id, never_open):
            pass
    finish_all_done()


def finish_all_done() -> None:
    """Finish the mailings whose audience is enlisted and whose batches are all done.

    The sums hold by then: each batch's counts add up to its size by a constraint, and a batch
    is done only when it has none queued.
    """
    while done := [mailing for (mailing,) in sql.rows(ALL_DONE, [MAILINGS_AT_ONCE])]:
        if len(_finish(done)) < MAILINGS_AT_ONCE:
            break


def finish_if_done(mailing_id: int) -> bool:
    """Finish one mailing if it is done."""
    return bool(_finish([mailing_id]))


def _finish(mailings: Sequence[int]) -> list[int]:
    """Finish those mailings that are done; leave out those that another transaction holds."""
    with transaction.atomic():
        held = [mailing for (mailing,) in sql.rows(LOCK_TO_FINISH, [mailings])]
        finished = [one for (one,) in sql.rows(FINISH_DONE, [held, SYSTEM])] if held else []
    for mailing in finished:
        log.info("mailing finished", mailing=mailing)
    return finished


def mailings_to_close() -> list[int]:
    """Return the mailings to close or to finish."""
    return [mailing for (mailing,) in sql.rows(TO_CLOSE)]


def _never_open(mailing: Mailing) -> list[str]:
    """Return the open batches' zones in which the hours never opened between start and end."""
    if mailing.local_hours is None or mailing.started_at is None:
        return []
    hours, guard = LocalHours.read(mailing.local_hours), timedelta(seconds=END_GUARD)
    return [
        zone
        for (zone,) in sql.rows(ZONES, [mailing.id])
        if hours.next_open(zone, mailing.started_at, guard)[0] >= mailing.ends_at - guard
    ]


def _close_some(mailing_id: int, never_open: Sequence[str]) -> bool:
    with transaction.atomic():
        taken = sql.rows(TAKE, [mailing_id, BATCHES_AT_ONCE])
        if taken:  # all are of one mailing, and so of one state
            batches, state = [batch for batch, _ in taken], taken[0][1]
            zones = [*never_open] if state == EXPIRED else []
            sql.run(
                CLOSE,
                {
                    "batches": batches,
                    "state": state,
                    "never_open": zones,
                    "why": NEVER_OPEN.text,
                    "reason": NEVER_OPEN.json,
                    "doubted": DOUBTED.text,
                    "doubted_reason": DOUBTED.json,
                },
            )
    return len(taken) == BATCHES_AT_ONCE
