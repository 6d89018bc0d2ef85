"""The lease of a batch. The moves `claim`, `rescue` (the lease expired) and `promote` (it is
due)."""

from vestnik.dispatch.states import CLAIMED, DONE, QUEUED, READY, UNKNOWN, WAITING
from vestnik.dispatch.transitions import counts
from vestnik.mailings.models import MailingState
from vestnik.mailings.window import END_GUARD

#: In seconds of virtual time. MOST_BEHIND: how far a mailing may be behind the leading one, in
#: addition to one turn. It bounds how long a mailing that was paused is preferred when it resumes.
#: LONGEST_TURN: the length of a turn, unless the messages of one turn alone take longer.
MOST_BEHIND, LONGEST_TURN = 1.0, 1.5
#: Virtual times that differ by less than the shortest turn divided by this count as equal.
NEAR = 8.0
#: A new mailing has handed over less than what the leading one has, divided by this.
FAR_BEHIND = 2.0

# Claim the next batch of a provider: start-time fair queuing (decision 0018, `fair_queue`).
#
# Order. The mailing with the least virtual time is next. Only differences of virtual times matter,
# so no clock is read: a new mailing starts at the mean of the others (`mean`), and no mailing is
# further behind the leading one than MOST_BEHIND plus one turn (`bounded`). Batches that are
# claimed now count as handed over (`under_way`), or one mailing would get every dispatcher. Virtual
# times that are almost the least one (`near`) count as equal, and the mailing whose last turn is
# the longest ago is next: the fair rates change a little each second, and in the order of these
# small differences one of twenty equal mailings on 10/s was not served for 3.9 s instead of 2. Of
# one mailing, the batch whose hours close first is claimed first: in the order of zone names,
# messages for Vladivostok expired although there was capacity for all (decision 0019).
#
# A turn for new mailings goes to the one that has handed over least after its batch, so one message
# beside twenty large mailings that start with it waits for none of them. Only a mailing that is far
# behind another one is new: among equal ones, a turn out of order makes a gap of its length later.
#
# Cost. Candidates are read without locks, at most 32 batches of each running mailing and 64 in all,
# so the cost grows with the number of running mailings and not with their size. 64 leave enough for
# the dispatchers that claim at the same moment: SKIP LOCKED passes over the rows they hold, and
# `state = READY` is checked again on the locked row. The cost must not grow with the square of the
# mailings: without MATERIALIZED the planner computes `mean` for each of them, and an array of rates
# is searched for each: with 500 mailings a claim took 214 ms instead of 7 ms.
CLAIM = f"""
WITH claimed AS MATERIALIZED (
    SELECT mailing_id, count(*) AS n FROM dispatch_batch WHERE state = '{CLAIMED}'
    GROUP BY mailing_id
),
rated AS MATERIALIZED (
    SELECT m.id, coalesce((%(rates)s::jsonb ->> m.id::text)::float8, %(rate)s::float8) AS rate
    FROM mailings_mailing m
    WHERE m.state = '{MailingState.RUNNING}' AND m.provider = %(alias)s
        AND NOT m.id = ANY(%(resting)s::bigint[])
        AND m.ends_at > clock_timestamp() + interval '{END_GUARD} second'
),
running AS MATERIALIZED (
    SELECT r.id, r.rate, t.turn, t.virtual_time, coalesce(c.n, 0) * %(turn)s / r.rate AS under_way,
        greatest({LONGEST_TURN}, %(turn)s / r.rate) AS longest,
        coalesce(t.served, 0) + coalesce(c.n, 0) * %(turn)s AS served
    FROM rated r
    LEFT JOIN dispatch_mailingturn t ON t.mailing_id = r.id
    LEFT JOIN claimed c ON c.mailing_id = r.id
),
bounded AS (
    SELECT coalesce(max(virtual_time) - max(longest) - {MOST_BEHIND}, 0) AS least,
        min(longest) / {NEAR} AS near,
        CASE WHEN %(new_first)s THEN least(%(new_below)s, max(served) / {FAR_BEHIND}) END
            AS new_below
    FROM running
),
mean AS MATERIALIZED (
    SELECT coalesce(avg(greatest(virtual_time, least)), 0) AS virtual_time
    FROM running, bounded WHERE virtual_time IS NOT NULL
),
ready AS MATERIALIZED (
    SELECT b.id, m.id AS mailing_id, m.rate, m.longest, m.turn, b.open_until, b.number,
        now.served_by_then, now.virtual_time, now.virtual_time + m.under_way AS by_then, near
    FROM running m
    CROSS JOIN LATERAL (
        SELECT greatest(coalesce(m.virtual_time, mean.virtual_time), least) AS virtual_time, near,
            CASE WHEN m.served < new_below THEN m.served + (
                SELECT r.queued FROM dispatch_batch r
                WHERE r.mailing_id = m.id AND r.state = '{READY}'
                ORDER BY r.open_until, r.number LIMIT 1
            ) END AS served_by_then
        FROM bounded, mean
    ) now
    CROSS JOIN LATERAL (
        SELECT r.id, r.open_until, r.number FROM dispatch_batch r
        WHERE r.mailing_id = m.id AND r.state = '{READY}'
            AND (r.open_until IS NULL OR r.open_until > clock_timestamp())
        ORDER BY r.open_until, r.number LIMIT 32
    ) b
),
candidates AS MATERIALIZED (
    SELECT id, rate, longest, virtual_time, row_number() OVER (
            ORDER BY served_by_then, greatest(by_then, (SELECT min(by_then) FROM ready) + near),
                turn, mailing_id, open_until, number
        ) AS place
    FROM ready ORDER BY place LIMIT 64
),
picked AS (
    SELECT b.id, candidates.rate, candidates.longest, candidates.virtual_time
    FROM dispatch_batch b JOIN candidates USING (id)
    WHERE b.state = '{READY}' ORDER BY candidates.place LIMIT 1
    FOR UPDATE OF b SKIP LOCKED
)
UPDATE dispatch_batch b SET
    state = '{CLAIMED}', claim_id = %(claim)s, attempt_id = NULL,
    due_at = clock_timestamp() + %(lease)s * interval '1 second'
FROM picked, mailings_mailing m
WHERE b.id = picked.id AND m.id = b.mailing_id
RETURNING b.id AS batch_id, b.mailing_id, b.first_message_id, b.last_message_id, b.queued,
    m.text, m.rate_limit, m.segments, m.text_version, b.text_version AS batch_text_version,
    m.local_hours::text AS local_hours, b.timezone,
    picked.rate, picked.longest AS longest_turn, picked.virtual_time
"""

# Take back expired leases. Messages that were in flight become unknown, since they may have left.
# They keep the attempt id, so an outcome that their worker records late still finds them
# (decision 0027). The other messages of the batch can be claimed again at once.
# 32767 is the largest smallint, the type of `attempts`.
RESCUE_EXPIRED = f"""
WITH stale AS (
    SELECT id, attempt_id, in_flight
    FROM dispatch_batch WHERE state = '{CLAIMED}' AND due_at <= clock_timestamp()
    FOR UPDATE SKIP LOCKED
),
doubted AS (
    UPDATE dispatch_message m SET
        state = '{UNKNOWN}', attempt_id = stale.attempt_id,
        attempts = least(m.attempts + 1, 32767), error = %s, reason = %s::jsonb
    FROM stale
    WHERE m.id = ANY(stale.in_flight) AND m.state = '{QUEUED}'
    RETURNING stale.id, m.state
),
counted AS (
    SELECT id, {counts.columns((QUEUED,), (UNKNOWN,))} FROM doubted GROUP BY id
)
UPDATE dispatch_batch b SET
    claim_id = NULL, attempt_id = NULL, in_flight = '{{}}', due_at = clock_timestamp(),
    {counts.changes((QUEUED,), (UNKNOWN,), counts.COUNTED_IF_ANY)},
    state = CASE WHEN b.queued > coalesce(c.leaving, 0) THEN '{READY}' ELSE '{DONE}' END
FROM stale LEFT JOIN counted c USING (id)
WHERE b.id = stale.id
RETURNING b.id AS batch, b.mailing_id AS mailing, coalesce(c.unknown, 0) AS unknown
"""

# Shorten leases that end later than any lease can last. They were taken before the database's clock
# was set back; if their worker has died, its batches would wait for the length of that step.
BOUND_LEASES = f"""
UPDATE dispatch_batch SET due_at = clock_timestamp() + %(longest)s * interval '1 second'
WHERE id IN (
    SELECT id FROM dispatch_batch
    WHERE state = '{CLAIMED}' AND due_at > clock_timestamp() + %(longest)s * interval '1 second'
    ORDER BY id FOR UPDATE SKIP LOCKED
)
"""

# Make waiting batches ready once they are due. Waiting batches have a state of their own: with
# 100,000 of them in its index, a claim took 33 ms instead of 0.2 ms (decision 0017).
PROMOTE_DUE = f"""
UPDATE dispatch_batch SET state = '{READY}'
WHERE id IN (
    SELECT id FROM dispatch_batch WHERE state = '{WAITING}' AND due_at <= clock_timestamp()
    FOR UPDATE SKIP LOCKED
)
"""
