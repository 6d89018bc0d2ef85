"""Saves the staged clients in the directory."""

from vestnik.audience.models import default_timezone
from vestnik.audience.numbering.register import ZONE_OF
from vestnik.db import sql

#: Passes over the rows, since clients may be created or deleted between two statements.
PASSES = 3

# In the order of the numbers, like LOCK, so that imports and lists never deadlock. For the NOT
# EXISTS see upsert.INSERT_OR_LOCK.
INSERT = f"""
INSERT INTO audience_client
    (phone_number, operator_code, tag, timezone, timezone_source, attributes)
SELECT phone_number, coalesce(operator_code, substr(phone_number, 2, 3)), coalesce(tag, ''),
    coalesce(timezone, place, near.zone, %(zone)s),
    CASE WHEN timezone IS NOT NULL THEN 'given' WHEN place IS NOT NULL THEN 'place'
        WHEN near.zone IS NOT NULL THEN 'number' ELSE 'assumed' END,
    coalesce(attributes, '{{}}')
FROM wanted w CROSS JOIN LATERAL (
    SELECT CASE WHEN w.timezone IS NULL AND w.place IS NULL
        THEN {ZONE_OF.format(number="w.phone_number")} END AS zone
    OFFSET 0
) near
WHERE NOT EXISTS (SELECT FROM audience_client c WHERE c.phone_number = w.phone_number)
ORDER BY phone_number
ON CONFLICT (phone_number) DO NOTHING
"""

# A city or region gives the zone if no zone was given. A zone of an earlier version may have been
# given by a user, unless it is the deployment's own.
PLACED = """w.timezone IS NULL AND w.place IS NOT NULL AND w.place <> c.timezone
        AND (c.timezone_source IN ('place', 'number', 'assumed')
            OR c.timezone_source = '' AND c.timezone = %(zone)s)"""
# A missing column or an empty cell changes nothing. Attributes are compared whole: by containment a
# list or an object of the file would count as unchanged where the client's has more.
CHANGED = f"""
SELECT c.id FROM audience_client c JOIN wanted w USING (phone_number)
WHERE (w.operator_code IS NOT NULL AND w.operator_code <> c.operator_code)
    OR (w.tag IS NOT NULL AND w.tag <> c.tag)
    OR (w.timezone IS NOT NULL AND w.timezone <> c.timezone)
    OR ({PLACED})
    OR (w.attributes IS NOT NULL AND c.attributes || w.attributes <> c.attributes)
"""
LOCK = f"""
SELECT count(*) FROM (
    SELECT FROM audience_client WHERE id IN ({CHANGED}) ORDER BY phone_number FOR UPDATE
) locked
"""
UPDATE = f"""
UPDATE audience_client c SET
    operator_code = coalesce(w.operator_code, c.operator_code), tag = coalesce(w.tag, c.tag),
    timezone = CASE WHEN {PLACED} THEN w.place ELSE coalesce(w.timezone, c.timezone) END,
    timezone_source = CASE WHEN {PLACED} THEN 'place'
        WHEN w.timezone <> c.timezone THEN 'given' ELSE c.timezone_source END,
    attributes = c.attributes || coalesce(w.attributes, '{{}}')
FROM wanted w
WHERE c.phone_number = w.phone_number AND c.id IN ({CHANGED})
"""
# Autovacuum may have seen the table while the rows of an import were not committed, and the planner
# then expects no client: it compared each row of the file with each client (20,000 rows: minutes).
ANALYZE = "ANALYZE audience_client"
ANY_CLIENT = "SELECT count(*) FROM (SELECT FROM audience_client LIMIT 1) one"
MISSING = """
SELECT count(*) FROM wanted w
WHERE NOT EXISTS (SELECT FROM audience_client c WHERE c.phone_number = w.phone_number)
"""


def save_clients(distinct: int) -> tuple[int, int]:
    """Save the staged clients in up to PASSES passes; return how many were created and changed.

    `distinct` is the count of staged numbers.
    """
    zone = {"zone": default_timezone()}
    created = changed = 0
    # Another process may create or delete clients between the statements of a pass.
    was_empty = not sql.value(ANY_CLIENT)
    sql.run(ANALYZE)
    for _ in range(PASSES):
        inserted = sql.run(INSERT, zone).rowcount
        created += inserted
        if inserted:
            sql.run(ANALYZE)  # also for the queries of others once this is committed
        if was_empty and created == distinct:
            break
        if sql.value(LOCK, zone):
            changed += sql.run(UPDATE, zone).rowcount
        if not sql.value(MISSING):
            break
    return created, changed
