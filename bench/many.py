"""A database after a year of use: 1,000,000 clients, and 10,000,000 messages in 200 mailings.

One statement fills each mailing, and its counts are computed from its messages. The data need not
survive a crash, so the tables are unlogged meanwhile.
"""

import time

import psycopg

MAILINGS = 200
BATCH = 1_000

CLIENTS = """
INSERT INTO audience_client (phone_number, operator_code, tag, timezone, attributes, created_at)
SELECT number, substr(number, 2, 3),
    (ARRAY['', 'vip', 'Бизнес', 'Новичок', 'Постоянный'])[n %% 5 + 1],
    (ARRAY['Europe/Moscow', 'Europe/Samara', 'Asia/Omsk', 'Asia/Vladivostok'])[n %% 4 + 1],
    jsonb_build_object('имя', (ARRAY['Анна', 'Борис', 'Вера', 'Глеб'])[n %% 4 + 1],
        'город', (ARRAY['Москва', 'Казань', 'Омск', 'Уфа', 'Чита'])[n %% 5 + 1],
        'возраст', n %% 80),
    now() - interval '1 year'
FROM (SELECT n, (79000000000 + n * 7919 %% 999999937)::text AS number
      FROM generate_series(1::bigint, %s) n) made
ORDER BY n
"""
STOPPED = """
INSERT INTO audience_stoplistentry (phone_number, phone_hash, reason, source)
SELECT phone_number, encode(sha256(phone_number::bytea), 'hex'), 'asked', 'inbound'
FROM audience_client WHERE mod(id, 50) = 0 ORDER BY phone_number
"""
IMPORTS = """
INSERT INTO audience_import
    ("into", state, file_name, size, options, stored, attempts, actor, percent, rows, created,
     updated, unchanged, duplicates, refused, error, started_at, finished_at)
SELECT 'clients', 'done', 'clients-' || n || '.csv', 1000000, '{}', true, 1, 'user:anna', 100,
    10000, 9000, 900, 50, 0, 50, '', now(), now()
FROM generate_series(1, 200) n
"""
REFUSED = """
INSERT INTO audience_refusedrow (of_id, line, reason, cells)
SELECT i.id, n, 'The row has no phone number: give one.', '["", "Anna"]'
FROM audience_import i, generate_series(1, 50) n
"""
MAILING = """
INSERT INTO mailings_mailing
    (name, text, filter, starts_at, ends_at, provider, segments, state, state_reason, started_at,
     enlisted_at, finished_at, created_at)
SELECT 'Mailing ' || n, 'Sale of the week ' || n, '{"tags": ["vip"]}', at,
    at + interval '6 hours', 'null', 1, 'finished', '', at, at, at + interval '1 hour', at
FROM (SELECT n, now() - (%(all)s - n + 0.1) * interval '1.8 days' AS at
      FROM generate_series(1, %(all)s) n) made
ORDER BY n
"""
# One mailing runs and one is paused, with the last tenth of their batches unsent. In one
# transaction: the scheduler would close queued messages of an ended mailing, and finish one without
# any.
QUEUED = """
UPDATE dispatch_message m SET state = 'queued', sent_at = NULL, delivered_at = NULL, error = NULL,
    attempt_id = NULL, provider_message_id = NULL
FROM dispatch_batch b
WHERE b.mailing_id > %(last)s - 2 AND b.number >= %(from)s AND m.mailing_id = b.mailing_id
    AND m.id BETWEEN b.first_message_id AND b.last_message_id
"""
WAITING = """
UPDATE dispatch_batch SET state = 'waiting', due_at = now() + interval '1 day', queued = size,
    sent = 0, delivered = 0, undelivered = 0, failed = 0, unknown = 0, expired = 0, suppressed = 0
WHERE mailing_id > %(last)s - 2 AND number >= %(from)s
"""
OPENED = """
UPDATE mailings_mailing SET finished_at = NULL, ends_at = now() + interval '1 day',
    state = CASE id WHEN %(last)s THEN 'running' ELSE 'paused' END
WHERE id > %(last)s - 2
"""
# Of each hundred messages 82 are delivered, and so on. A mailing's clients begin where those of the
# previous mailing end.
MESSAGES = """
INSERT INTO dispatch_message
    (mailing_id, client_id, phone_number, state, segments, attempts, attempt_id,
     provider_message_id, error, created_at, sent_at, delivered_at)
SELECT g.id, c.id, c.phone_number, made.state, 1, 1,
    CASE made.state WHEN 'unknown' THEN 1 END, 'p' || made.n,
    CASE made.state WHEN 'suppressed' THEN 'stop list' WHEN 'failed' THEN '8: barred' END,
    g.started_at,
    CASE WHEN made.state IN ('sent', 'delivered', 'undelivered') THEN g.started_at + made.after END,
    CASE WHEN made.state = 'delivered' THEN g.started_at + made.after + interval '3 seconds' END
FROM mailings_mailing g
CROSS JOIN LATERAL (
    SELECT n, n * interval '0.05 seconds' AS after, CASE
        WHEN n %% 100 < 82 THEN 'delivered' WHEN n %% 100 < 90 THEN 'sent'
        WHEN n %% 100 < 94 THEN 'undelivered' WHEN n %% 100 < 96 THEN 'failed'
        WHEN n %% 100 < 97 AND g.id > %(last)s - 2 THEN 'unknown'
        WHEN n %% 100 < 98 THEN 'expired' ELSE 'suppressed' END AS state
    FROM generate_series(0, %(each)s - 1) n
) made
JOIN audience_client c ON c.id = %(first)s + (g.id * %(each)s + made.n) %% %(clients)s
WHERE g.id = %(mailing)s
ORDER BY made.n
"""
BATCHES = """
INSERT INTO dispatch_batch
    (mailing_id, number, first_message_id, last_message_id, state, size, queued, sent, delivered,
     undelivered, failed, unknown, expired, cancelled, suppressed, due_at)
SELECT mailing_id, number, min(id), max(id), CASE WHEN queued > 0 THEN 'waiting' ELSE 'done' END,
    count(*), queued, sent, delivered, undelivered, failed, unknown, expired, 0, suppressed,
    now() + interval '1 day'
FROM (
    SELECT *, count(*) FILTER (WHERE state = 'queued') OVER batch AS queued,
        count(*) FILTER (WHERE state = 'sent') OVER batch AS sent,
        count(*) FILTER (WHERE state = 'delivered') OVER batch AS delivered,
        count(*) FILTER (WHERE state = 'undelivered') OVER batch AS undelivered,
        count(*) FILTER (WHERE state = 'failed') OVER batch AS failed,
        count(*) FILTER (WHERE state = 'unknown') OVER batch AS unknown,
        count(*) FILTER (WHERE state = 'expired') OVER batch AS expired,
        count(*) FILTER (WHERE state = 'suppressed') OVER batch AS suppressed
    FROM (
        SELECT id, mailing_id, state, (row_number() OVER (ORDER BY id) - 1) / %(batch)s AS number
        FROM dispatch_message WHERE mailing_id = %(mailing)s AND id > %(after)s
    ) numbered
    WINDOW batch AS (PARTITION BY number)
) counted
GROUP BY mailing_id, number, queued, sent, delivered, undelivered, failed, unknown, expired,
    suppressed
ORDER BY number
"""
# Samples of an hour, up to the final counts of the batches.
SAMPLES = """
INSERT INTO reports_sample
    (mailing_id, at, matched, queued, sending, sent, delivered, undelivered, failed, unknown,
     expired, cancelled, suppressed)
SELECT id, started_at + k * interval '10 seconds', size,
    size - (sent * k / 360 + delivered * k / 360 + undelivered * k / 360 + failed * k / 360
        + unknown * k / 360 + expired * k / 360 + suppressed * k / 360),
    0, sent * k / 360, delivered * k / 360, undelivered * k / 360, failed * k / 360,
    unknown * k / 360, expired * k / 360, 0, suppressed * k / 360
FROM (
    SELECT g.id, g.started_at, sum(size) AS size, sum(b.sent) AS sent, sum(delivered) AS delivered,
        sum(undelivered) AS undelivered, sum(failed) AS failed, sum(unknown) AS unknown,
        sum(expired) AS expired, sum(suppressed) AS suppressed
    FROM mailings_mailing g JOIN dispatch_batch b ON b.mailing_id = g.id GROUP BY g.id
) ended, generate_series(0, 360) k
"""
ENLISTED = """
INSERT INTO dispatch_enlistment (mailing_id, cursor, bound, next_number, complete)
SELECT id, 2000000000, 2000000000, 1000, true FROM mailings_mailing
"""
EVENTS = """
INSERT INTO mailings_mailingevent (mailing_id, event, actor, from_state, to_state, reason, at)
SELECT id, 'launch', 'system', 'scheduled', 'running', '', started_at FROM mailings_mailing
"""
BIG = ("dispatch_message", "audience_stoplistentry")


def fill(url: str, clients: int, messages: int) -> float:
    """Fill an empty database; return the seconds that it took."""
    began = time.perf_counter()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        for table in BIG:
            connection.execute(f"ALTER TABLE {table} SET UNLOGGED")
        connection.execute(CLIENTS, (clients,))
        connection.execute(STOPPED)
        connection.execute(IMPORTS)
        connection.execute(REFUSED)
        connection.execute(MAILING, {"all": MAILINGS})
        _messages(connection, clients, messages // MAILINGS)
        connection.execute(ENLISTED)
        connection.execute(EVENTS)
        connection.execute(SAMPLES)
        reopen(connection, messages // MAILINGS)
        for table in (*BIG, "audience_client", "dispatch_batch", "mailings_mailing"):
            connection.execute(f"VACUUM ANALYZE {table}")
    return time.perf_counter() - began


def reopen(connection: "psycopg.Connection[tuple[int, ...]]", each: int) -> None:
    """Make the last mailing running, and the one before it paused."""
    last = _one(connection, "SELECT max(id) FROM mailings_mailing")
    given = {"last": last, "from": each // BATCH * 9 // 10}
    with connection.transaction():
        for statement in (QUEUED, WAITING, OPENED):
            connection.execute(statement, given)


def _messages(connection: "psycopg.Connection[tuple[int, ...]]", clients: int, each: int) -> None:
    connection.execute("ANALYZE audience_client")
    first = _one(connection, "SELECT min(id) FROM audience_client")
    mailings = connection.execute("SELECT id FROM mailings_mailing ORDER BY id").fetchall()
    after = 0
    for (mailing,) in mailings:
        given = {"each": each, "first": first, "clients": clients, "last": mailings[-1][0]}
        connection.execute(MESSAGES, {**given, "mailing": mailing})
        connection.execute(BATCHES, {"batch": BATCH, "mailing": mailing, "after": after})
        after = _one(connection, "SELECT max(id) FROM dispatch_message")


def _one(connection: "psycopg.Connection[tuple[int, ...]]", query: str) -> int:
    found = connection.execute(query).fetchone()
    assert found is not None
    return found[0]
