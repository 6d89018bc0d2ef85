"""The audience becomes messages and batches: `enlist`."""

from vestnik.dispatch.states import (
    CANCELLED,
    DONE,
    EXPIRED,
    QUEUED,
    READY,
    SUPPRESSED,
)
from vestnik.mailings.models import UNDER_WAY_SQL, MailingState

#: Failures in a row after which the mailing pauses itself.
MOST_FAILURES = 3

# Read the mailing once: messages of a mailing that was cancelled or ended meanwhile are inserted in
# their final state and are never claimed.
BORN = f"""
born AS (
    SELECT id AS mailing_id, segments, CASE
        WHEN state = '{MailingState.CANCELLED}' THEN '{CANCELLED}'
        WHEN state IN {UNDER_WAY_SQL} AND ends_at > clock_timestamp() THEN '{QUEUED}'
        ELSE '{EXPIRED}' END AS state
    FROM mailings_mailing WHERE id = %s
)"""

# Insert the messages. A client who gets nothing has the reason in `why`.
MADE = f"""
made AS (
    INSERT INTO dispatch_message
        (mailing_id, client_id, phone_number, state, segments, attempts, text, error, reason,
        text_version)
    SELECT born.mailing_id, r.id, r.phone_number,
        CASE WHEN r.why IS NULL THEN born.state ELSE '{SUPPRESSED}' END,
        CASE WHEN r.why IS NULL THEN coalesce(r.segments, born.segments) ELSE 0 END, 0,
        CASE WHEN r.why IS NULL THEN r.text END, r.why, r.reason, %s
    FROM recipients r, born"""
# Nothing is inserted for more clients.
FEW_ONLY = "WHERE (SELECT count(*) FROM picked) <= {most}"
MADE_ROWS = """
    RETURNING id, client_id, error IS NULL AS goes
)"""
# PostgreSQL then looks each row up before it inserts it: a third of the time of enlisting.
SKIP_ENLISTED = "ON CONFLICT DO NOTHING"
# Take the lock that each chunk holds until it is committed; the erasure of a client takes it
# exclusively. Return whether clients beyond the cursor have messages already, which is so only if
# the cursor was set back.
BEGIN_CHUNK = """
SELECT EXISTS (SELECT FROM dispatch_message WHERE mailing_id = %s AND client_id > %s),
    pg_advisory_xact_lock_shared(%s)
"""

# Move the cursor. With the last chunk the audience is enlisted.
END_CHUNK = """
WITH enlistment AS (
    UPDATE dispatch_enlistment SET
        cursor = %s, next_number = %s, complete = %s, frozen = %s, failures = 0, retry_at = NULL
    WHERE mailing_id = %s
    RETURNING mailing_id, complete
)
UPDATE mailings_mailing m SET enlisted_at = clock_timestamp()
FROM enlistment e WHERE m.id = e.mailing_id AND e.complete
"""

# Number the batches: `n` is the batch of each message, counted from 0 within this statement.
ALL_ALIKE = """
numbered AS (
    SELECT id, goes, NULL::text AS timezone, (row_number() OVER (ORDER BY id) - 1) / %s AS n
    FROM made
)"""
# With local hours a batch holds messages of one time zone, so it opens and closes as a whole.
BY_ZONE = """
numbered AS (
    SELECT m.id, m.goes, p.timezone,
        (row_number() OVER (PARTITION BY p.timezone ORDER BY m.id) - 1) / %s AS n
    FROM made m JOIN picked p ON p.id = m.client_id
)"""

# Cut the batches from the rows that were really inserted, so their counts cannot differ from their
# messages (decision 0002).
CUT = """
cut AS (
    SELECT timezone, min(id) AS first, max(id) AS last, count(*) AS size,
        count(*) FILTER (WHERE goes) AS going
    FROM numbered GROUP BY timezone, n
)"""
BATCHES = f"""
batches AS (
    INSERT INTO dispatch_batch
        (mailing_id, number, first_message_id, last_message_id, size, state,
         queued, expired, cancelled, suppressed, timezone, text_version)
    SELECT born.mailing_id, %s + row_number() OVER (ORDER BY first) - 1, first, last, size,
        CASE WHEN born.state = '{QUEUED}' AND going > 0 THEN '{READY}' ELSE '{DONE}' END,
        CASE born.state WHEN '{QUEUED}' THEN going ELSE 0 END,
        CASE born.state WHEN '{EXPIRED}' THEN going ELSE 0 END,
        CASE born.state WHEN '{CANCELLED}' THEN going ELSE 0 END, size - going, timezone, %s
    FROM cut, born
    RETURNING id
)"""


def enlist_sql(
    picked: str, recipients: str, *, by_zone: bool, skip_enlisted: bool, most: int | None = None
) -> str:
    """Return the statement that enlists one chunk of an audience.

    `picked` is the query of the clients, `recipients` the query of the text or the refusal of each;
    both depend on the mailing. The statement inserts the messages, cuts them into batches, and
    returns how many clients it read, the last client's id, and the number of batches. A client who
    has a message already is an error, unless `skip_enlisted` is set. Nothing is inserted if there
    are more than `most` clients. The statement's parameters follow those of `picked`.
    """
    # Neighbouring ids of one zone make a batch a range of ids, which is found by the primary key.
    order, numbered = ("r.timezone, r.id", BY_ZONE) if by_zone else ("r.id", ALL_ALIKE)
    conflicts = SKIP_ENLISTED if skip_enlisted else ""
    few = "" if most is None else FEW_ONLY.format(most=most)
    return f"""
WITH picked AS MATERIALIZED ({picked}),
recipients AS ({recipients}),{BORN},{MADE} {few} ORDER BY {order} {conflicts}{MADE_ROWS},
{numbered},{CUT},{BATCHES}
SELECT (SELECT count(*) FROM picked) AS taken, (SELECT max(id) FROM picked) AS last,
    (SELECT count(*) FROM batches) AS batches
"""
