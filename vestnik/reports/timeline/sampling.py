"""Takes samples once a second, of the mailings for which one is due.

A running mailing has a sample for each second of its last half minute, from which its rate is
computed. Older samples are thinned out as the mailing ages, to one in a 150th of its age: 300
points for five minutes, 1,500 for a day. While nothing changes, the last sample is moved, so a
standstill of any length has two points.
"""

import json
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from vestnik.db import sql
from vestnik.db.lock_ids import SAMPLING_LOCK
from vestnik.dispatch.read.message_state import STATES
from vestnik.dispatch.read.progress import progress_of
from vestnik.mailings.models import UNDER_WAY_SQL, MailingState
from vestnik.mailings.window import RECEIPT_DAYS

#: Samples kept of a mailing after its receipts can no longer arrive.
MAX_FOLLOWED = 200

# One process at a time samples. All samples of a run have the time from after the lock.
CLAIM_SAMPLING = "SELECT pg_try_advisory_xact_lock(%s), clock_timestamp()"

# The mailings for which a sample is due: running ones every second, others every five seconds to a
# 150th of their age. Only partial indexes are read, so old mailings cost nothing.
DUE = f"""
SELECT m.id FROM mailings_mailing m LEFT JOIN LATERAL (
    SELECT s.at FROM reports_sample s WHERE s.mailing_id = m.id ORDER BY s.at DESC LIMIT 1
) last ON true
WHERE m.started_at IS NOT NULL
    AND (m.state IN {UNDER_WAY_SQL}
        OR m.finished_at > clock_timestamp() - interval '{RECEIPT_DAYS} days')
    AND (last.at IS NULL OR last.at > clock_timestamp() OR last.at < m.finished_at
        OR last.at < clock_timestamp() -
        CASE WHEN m.state = '{MailingState.RUNNING}' THEN interval '0.5 seconds'
        ELSE greatest(interval '5 seconds', (clock_timestamp() - m.started_at) / 150) END)
ORDER BY m.id
"""

# Samples from the future exist after the clock was set back, and would prevent new ones.
FORGET_FUTURE = """
DELETE FROM reports_sample WHERE mailing_id = ANY(%s) AND at > clock_timestamp()
"""

COUNTS = ("matched", *STATES)


def _row(table: str) -> str:
    return f"({', '.join(f'{table}.{name}' for name in COUNTS)})"


# A standstill is recognised by two samples that equal the present counts; the last one is moved.
# One statement with two index probes for each mailing: with two rows of the ORM for each, hundreds
# of running mailings took a twentieth of the workers' time.
KEEP = f"""
WITH present AS (
    SELECT * FROM jsonb_to_recordset(%(counts)s::jsonb)
        AS c (mailing_id bigint, {", ".join(f"{name} integer" for name in COUNTS)})
),
still AS (
    SELECT p.mailing_id, max(s.at) AS at FROM present p CROSS JOIN LATERAL (
        SELECT * FROM reports_sample s WHERE s.mailing_id = p.mailing_id ORDER BY s.at DESC LIMIT 2
    ) s
    WHERE {_row("s")} = {_row("p")}
    GROUP BY p.mailing_id HAVING count(*) = 2
),
moved AS (
    UPDATE reports_sample s SET at = %(now)s FROM still
    WHERE s.mailing_id = still.mailing_id AND s.at = still.at
)
INSERT INTO reports_sample (mailing_id, at, {", ".join(COUNTS)})
SELECT p.mailing_id, %(now)s, {", ".join(f"p.{name}" for name in COUNTS)}
FROM present p WHERE NOT EXISTS (SELECT FROM still WHERE still.mailing_id = p.mailing_id)
"""

# The first sample of each slot is kept. Slots are 1 s wide for five minutes, and twice as wide each
# time the age has doubled. The last sample of each quarter of an hour is kept as well: totals by
# hour and since midnight are computed from it, and midnight of some zones is at half past or a
# quarter to.
SAME_QUARTER_HOUR = """EXISTS (
        SELECT FROM reports_sample later WHERE later.mailing_id = s.mailing_id AND later.at > s.at
            AND later.at < date_bin('15 minutes', s.at, 'epoch') + interval '15 minutes'
    )"""
THIN_OUT = f"""
DELETE FROM reports_sample s USING mailings_mailing m
WHERE m.id = s.mailing_id AND m.id = ANY(%s)
    AND s.at BETWEEN clock_timestamp() - interval '3 minutes'
        AND clock_timestamp() - interval '30 seconds'
    AND EXISTS (
        SELECT FROM reports_sample t, LATERAL (
            SELECT extract(epoch FROM s.at - m.started_at) AS age
        ) a, LATERAL (
            SELECT 2 ^ floor(log(2, greatest(age / 150, 1)::numeric)) AS width
        ) w
        WHERE t.mailing_id = s.mailing_id AND t.at < s.at
            AND t.at >= m.started_at + floor(age / width) * width * interval '1 second'
    )
    AND {SAME_QUARTER_HOUR}
"""

# After RECEIPT_DAYS no receipt arrives, and MAX_FOLLOWED samples are enough for the charts.
THIN_OUT_FOR_GOOD = f"""
DELETE FROM reports_sample WHERE id IN (
    SELECT id FROM (
        SELECT s.id, row_number() OVER w AS n, count(*) OVER (PARTITION BY s.mailing_id) AS of,
            s.at < clock_timestamp() - interval '{RECEIPT_DAYS + 1} days'
                OR {SAME_QUARTER_HOUR} AS may_go
        FROM reports_sample s JOIN mailings_mailing m ON m.id = s.mailing_id
        WHERE m.finished_at BETWEEN clock_timestamp() - interval '{RECEIPT_DAYS + 5} days'
            AND clock_timestamp() - interval '{RECEIPT_DAYS} days'
        WINDOW w AS (PARTITION BY s.mailing_id ORDER BY s.at)
    ) numbered
    WHERE of > {MAX_FOLLOWED} AND may_go AND n < of
        AND mod(n, ceil(of::numeric / {MAX_FOLLOWED})) <> 1
)
"""


def take_samples() -> None:
    """Take the samples that are due; return at once if another process does."""
    with transaction.atomic():
        ours, now = sql.rows(CLAIM_SAMPLING, [SAMPLING_LOCK])[0]
        if not ours:
            return
        due = [mailing for (mailing,) in sql.rows(DUE)]
        if due:
            sql.run(FORGET_FUTURE, [due])
            _keep(due, now)
            sql.run(THIN_OUT, [due])


def thin_out() -> None:
    """Thin out the samples of mailings that have ended."""
    sql.run(THIN_OUT_FOR_GOOD)


def _keep(due: Sequence[int], now: datetime) -> None:
    counts = [{"mailing_id": id, **counts} for id, counts in progress_of(due).items()]
    sql.run(KEEP, {"counts": json.dumps(counts), "now": now})
