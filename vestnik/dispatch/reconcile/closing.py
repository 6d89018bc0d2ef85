"""Closing what has ended: what is left becomes expired or cancelled, then the mailing finishes.

What is in flight finishes by itself: its batch is claimed, and closed once it is let go.
"""

from collections.abc import Sequence
from datetime import timedelta

import structlog
from django.db import transaction

from vestnik.db import sql
from vestnik.dispatch.suppress.revocation import DOUBTED
from vestnik.mailings.local_hours import LocalHours
from vestnik.mailings.models import FINISH, Mailing
from vestnik.mailings.window import END_GUARD
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

log = structlog.get_logger(__name__)

# 50 batches a transaction: a million leftovers take about eight seconds, and no lock is long.
BATCHES_AT_ONCE = 50

# The mailing's row is locked before its end is believed: whoever moves the end away has their way,
# or comes too late. Messages are looked at by the next statement, once their batches are locked:
# what was queued again while the lock was waited for is closed as well.
TAKE = """
WITH over AS (
    SELECT id, CASE WHEN state = 'cancelled' THEN 'cancelled' ELSE 'expired' END AS state
    FROM mailings_mailing
    WHERE id = %s AND (state IN ('cancelled', 'finished')
        OR (state IN ('running', 'paused') AND ends_at <= clock_timestamp()))
    FOR SHARE
)
SELECT b.id, over.state FROM dispatch_batch b JOIN over ON over.id = b.mailing_id
WHERE b.state IN ('ready', 'waiting') ORDER BY b.id LIMIT %s
FOR UPDATE OF b SKIP LOCKED
"""

# Of what was queued again although an earlier attempt may have arrived, nobody knows.
CLOSE = """
WITH taken AS (
    SELECT id, mailing_id, first_message_id, last_message_id,
        timezone = ANY(%s::text[]) AS never_open
    FROM dispatch_batch
    WHERE id = ANY(%s::bigint[])
),
closed AS (
    UPDATE dispatch_message m SET
        state = CASE WHEN m.doubted_attempt_id IS NULL THEN %s ELSE 'unknown' END,
        attempt_id = m.doubted_attempt_id, next_attempt_at = NULL,
        error = CASE WHEN m.doubted_attempt_id IS NOT NULL THEN %s
            WHEN taken.never_open AND coalesce(m.error, '') = '' THEN %s ELSE m.error END,
        reason = CASE WHEN m.doubted_attempt_id IS NOT NULL THEN %s::jsonb
            WHEN taken.never_open AND coalesce(m.error, '') = '' THEN %s::jsonb
            ELSE m.reason END
    FROM taken
    WHERE m.mailing_id + 0 = taken.mailing_id AND m.state = 'queued'
        AND m.id BETWEEN taken.first_message_id AND taken.last_message_id
    RETURNING taken.id, m.state
),
counted AS (
    SELECT id, count(*) AS n, count(*) FILTER (WHERE state = 'unknown') AS unknown,
        count(*) FILTER (WHERE state = 'expired') AS expired,
        count(*) FILTER (WHERE state = 'cancelled') AS cancelled
    FROM closed GROUP BY id
)
UPDATE dispatch_batch b SET
    state = 'done', queued = b.queued - coalesce(n, 0), recheck = false,
    unknown = b.unknown + coalesce(counted.unknown, 0),
    expired = b.expired + coalesce(counted.expired, 0),
    cancelled = b.cancelled + coalesce(counted.cancelled, 0)
FROM taken LEFT JOIN counted USING (id)
WHERE b.id = taken.id
"""

ALL_DONE = """
SELECT NOT EXISTS (SELECT FROM dispatch_batch WHERE mailing_id = %s AND state <> 'done')
"""

# Driven by what is still open, so that finished mailings cost nothing.
TO_CLOSE = """
SELECT id FROM mailings_mailing m
WHERE state IN ('running', 'paused') AND enlisted_at IS NOT NULL AND (
    ends_at <= clock_timestamp()
    OR NOT EXISTS (SELECT FROM dispatch_batch b WHERE b.mailing_id = m.id AND b.state <> 'done')
)
UNION
SELECT DISTINCT m.id FROM dispatch_batch b JOIN mailings_mailing m ON m.id = b.mailing_id
WHERE b.state IN ('ready', 'waiting') AND m.state IN ('cancelled', 'finished')
"""


NEVER_OPEN = Reason(Code.HOURS_NEVER_OPEN)
ZONES = """
SELECT DISTINCT timezone FROM dispatch_batch
WHERE mailing_id = %s AND state IN ('ready', 'waiting') AND timezone IS NOT NULL
"""


def close(mailing_id: int) -> None:
    """Close what is left of an ended mailing, and finish one of which nothing is left."""
    never_open = _never_open(Mailing.objects.get(id=mailing_id))
    while _close_some(mailing_id, never_open):
        pass
    finish_if_done(mailing_id)


def finish_if_done(mailing_id: int) -> bool:
    """Finish a mailing whose audience is enlisted and whose batches are all done.

    The sums hold by then: each batch's counts add up to its size by a constraint, and a batch
    is done only when it has none queued.
    """
    mailing = Mailing.objects.get(id=mailing_id)
    if not _is_done(mailing):
        return False
    with transaction.atomic():
        # Asked again under a lock: whoever queues unknown messages again has locked it as well.
        Mailing.objects.select_for_update(no_key=True).get(id=mailing_id)
        finished = _is_done(mailing) and mailing.move(FINISH)
    if finished:
        log.info("mailing finished", mailing=mailing_id)
    return finished


def _is_done(mailing: Mailing) -> bool:
    return mailing.enlisted_at is not None and bool(sql.value(ALL_DONE, [mailing.id]))


def mailings_to_close() -> list[int]:
    """The mailings that have something to close."""
    return [mailing for (mailing,) in sql.rows(TO_CLOSE)]


def _never_open(mailing: Mailing) -> list[str]:
    """The zones of the messages that are left in which the hours never opened within the window."""
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
            zones = [*never_open] if state == "expired" else []
            reasons = (DOUBTED.text, NEVER_OPEN.text, DOUBTED.json, NEVER_OPEN.json)
            sql.run(CLOSE, [zones, batches, state, *reasons])
    return len(taken) == BATCHES_AT_ONCE
