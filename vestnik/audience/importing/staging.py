"""Moves staged rows into the directory, all in one transaction.

The rows wait in a temporary table, which ends with its session: an import that is killed leaves
nothing behind.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from vestnik.audience.importing.rows import Client
from vestnik.audience.imports import Into
from vestnik.audience.models import default_timezone
from vestnik.audience.numbering.register import ZONE_OF
from vestnik.audience.phone import GETS_NO_SMS
from vestnik.audience.stop_list import HASH_OF, Source, any_erased, pads
from vestnik.db.lock_ids import IMPORT_COMMIT_LOCK
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

#: Passes over the rows, since clients may be created or deleted between two statements.
PASSES = 3
#: For this transaction, so that sorts and joins of large imports stay in memory.
WORK_MEM = "64MB"

STAGE = """
CREATE TEMPORARY TABLE staged (
    line integer NOT NULL, phone_number text, operator_code text, tag text, timezone text,
    attributes jsonb, problem text, cells jsonb, place text,
    remarks jsonb, problem_data jsonb
)
"""
COPY = """
COPY staged (line, phone_number, operator_code, tag, timezone, attributes, problem, cells,
    place, remarks, problem_data)
FROM STDIN
"""

# The first row of a number counts. Sorting once here lets the following joins be merges.
UNIQUE = """
CREATE TEMPORARY TABLE wanted AS
SELECT DISTINCT ON (phone_number) phone_number, line, operator_code, tag, timezone, attributes,
    place
FROM staged WHERE problem IS NULL
ORDER BY phone_number, line
"""

# The row is locked, so that an erasure runs before or after all of this.
ERASED = "SELECT erased FROM audience_import WHERE id = %s FOR NO KEY UPDATE"
#: A row whose number was erased while the file was waiting is refused without its content.
FORGET = f"""
UPDATE staged SET problem = %s, problem_data = %s::jsonb, cells = '[]', phone_number = NULL
WHERE problem IS NULL AND {HASH_OF.format(number="phone_number")} = ANY(%s)
"""
FORGOTTEN = Reason(Code.FIELD_WRONG, field="phone_number", reason=Reason(Code.NUMBER_ERASED))
#: Entries whose numbers were erased meanwhile keep only their hashes.
HIDE = """
UPDATE audience_stoplistentry SET phone_number = NULL, reason = '' WHERE phone_hash = ANY(%s)
"""

# Few numbers are repeated. They are found by counting, and only they are joined again.
REPEATED = f"""
INSERT INTO audience_refusedrow (of_id, line, reason, reason_details, cells)
SELECT %s, s.line, 'phone_number: Line ' || w.line || ' has this number already: '
    || 'give each number once.',
    jsonb_build_object('code', '{Code.FIELD_WRONG}', 'params', jsonb_build_object(
        'field', 'phone_number', 'reason', jsonb_build_object(
            'code', '{Code.NUMBER_REPEATED}', 'params', jsonb_build_object('line', w.line)))),
    jsonb_build_array(s.phone_number)
FROM staged s JOIN wanted w USING (phone_number)
WHERE s.problem IS NULL AND s.line <> w.line
"""
REFUSED = """
INSERT INTO audience_refusedrow (of_id, line, reason, reason_details, cells)
SELECT %s, line, problem, problem_data, cells FROM staged WHERE problem IS NOT NULL
"""
# Only of accepted rows. The list is limited, the count is not.
REMARKS = """
SELECT count(*), coalesce(
    jsonb_agg(jsonb_build_object(
        'line', line, 'attribute', attribute, 'reason', reason, 'reason_details', details
    ) ORDER BY n) FILTER (WHERE n <= %s), '[]')::text
FROM (
    SELECT s.line, remark ->> 0 AS attribute, remark ->> 1 AS reason,
        remark -> 2 AS details,
        row_number() OVER (ORDER BY s.line, place_in_row) AS n
    FROM staged s JOIN wanted w USING (phone_number, line)
    CROSS JOIN jsonb_array_elements(s.remarks) WITH ORDINALITY AS r (remark, place_in_row)
    WHERE s.remarks IS NOT NULL
) AS found
"""
#: Remarks that are stored with an import; the count has no limit.
MOST_REMARKS = 100

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
# A missing column or an empty cell changes nothing.
CHANGED = f"""
SELECT c.id FROM audience_client c JOIN wanted w USING (phone_number)
WHERE (w.operator_code IS NOT NULL AND w.operator_code <> c.operator_code)
    OR (w.tag IS NOT NULL AND w.tag <> c.tag)
    OR (w.timezone IS NOT NULL AND w.timezone <> c.timezone)
    OR ({PLACED})
    OR (w.attributes IS NOT NULL AND NOT c.attributes @> w.attributes)
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
#: An erased entry gets its number back; an existing one stays unchanged.
INTO_STOP_LIST = f"""
INSERT INTO audience_stoplistentry (phone_number, phone_hash, reason, source)
SELECT phone_number, {HASH_OF.format(number="phone_number")}, coalesce(tag, ''), %s
FROM wanted ORDER BY phone_number
ON CONFLICT (phone_hash) DO UPDATE SET phone_number = excluded.phone_number, changed_in = DEFAULT
WHERE audience_stoplistentry.phone_number IS NULL
"""
# See stop_list.DELETE_DUPLICATES.
DELETE_DUPLICATES = f"""
DELETE FROM audience_stoplistentry e USING wanted w, audience_stoplistentry s
WHERE e.phone_number IS NULL AND s.phone_number = w.phone_number
    AND e.phone_hash = {HASH_OF.format(number="w.phone_number")}
"""
# See stop_list.REHASH.
REHASH = f"""
UPDATE audience_stoplistentry s SET phone_hash = {HASH_OF.format(number="w.phone_number")}
FROM wanted w
WHERE s.phone_number = w.phone_number
    AND s.phone_hash <> {HASH_OF.format(number="w.phone_number")}
"""
# See stop_list.RECALL.
RECALL = f"""
UPDATE audience_stoplistentry s SET phone_number = w.phone_number, changed_in = DEFAULT
FROM wanted w
WHERE s.phone_number IS NULL AND s.phone_hash = {HASH_OF.format(number="w.phone_number")}
"""
WITHOUT_SMS = f"SELECT count(*) FROM wanted WHERE {GETS_NO_SMS.format(number='phone_number')}"
MISSING = """
SELECT count(*) FROM wanted w
WHERE NOT EXISTS (SELECT FROM audience_client c WHERE c.phone_number = w.phone_number)
"""

Staged = tuple[Any, ...]


@dataclass
class Counts:
    """How many rows of a file were created, updated, refused and so on."""

    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: int = 0
    refused: int = 0
    without_sms: int = 0
    misfits: int = 0
    remarks: list[dict[str, Any]] = field(default_factory=list)


def begin() -> None:
    """Create an empty staging table."""
    end()
    _run(STAGE)


def end() -> None:
    """Drop the staging tables, since the session may go back to a pool."""
    _run("DROP TABLE IF EXISTS staged, wanted")


def accepted_row(line: int, client: Client, remarks: str | None = None) -> Staged:
    """Return an accepted row as it is staged; `remarks` are attributes and reasons, as JSON."""
    *fields, place = client
    return (line, *fields, None, None, place, remarks, None)


def refused_row(line: int, reason: Reason, cells: str) -> Staged:
    """Return a refused row as it is staged."""
    reason = reason.fit()
    return (line, None, None, None, None, None, reason, cells, None, None, reason.json)


def stage(rows: list[Staged]) -> None:
    """Copy rows into the staging table."""
    with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        for row in rows:
            copy.write_row(row)


def take_over(import_id: int, into: str) -> Counts:
    """Save all rows into the directory or the stop list. Call it in a transaction."""
    _run("SELECT set_config('work_mem', %s, true)", [WORK_MEM])
    _run("SELECT pg_advisory_xact_lock(%s)", [IMPORT_COMMIT_LOCK])
    # After the lock: an erasure that ran before it has left its hash here.
    erased = _erased(import_id)
    if erased and into == Into.CLIENTS:
        _run(FORGET, [FORGOTTEN.text, FORGOTTEN.json, *pads(), erased])
    # Autovacuum does not see temporary tables; without statistics the planner expects few rows.
    _run("ANALYZE staged")
    counts = Counts(rows=_number("SELECT count(*) FROM staged"))
    counts.refused = _run(REFUSED, [import_id])
    distinct = _run(UNIQUE)
    counts.duplicates = counts.rows - counts.refused - distinct
    if counts.duplicates:
        _run(REPEATED, [import_id])
    _run("ANALYZE wanted")
    if any_erased():
        _run(DELETE_DUPLICATES, list(pads()))
    if into == Into.STOP_LIST:
        _run(REHASH, [*pads(), *pads()])
        counts.created = _run(INTO_STOP_LIST, [*pads(), Source.IMPORT])
        _run(HIDE, [erased])
        _run("ANALYZE audience_stoplistentry")  # workers have plans for a short list
    else:
        _into_directory(counts, distinct)
        counts.without_sms = _number(WITHOUT_SMS)
        counts.misfits, counts.remarks = _remarks()
        if any_erased():
            _run(RECALL, list(pads()))
    counts.updated = min(counts.updated, distinct - counts.created)
    counts.unchanged = distinct - counts.created - counts.updated
    return counts


def _erased(import_id: int) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(ERASED, [import_id])
        hashes: list[str] = cursor.fetchone()[0]
    return hashes


def _remarks() -> tuple[int, list[dict[str, Any]]]:
    with connection.cursor() as cursor:
        cursor.execute(REMARKS, [MOST_REMARKS])
        count, remarks = cursor.fetchone()
    return count, json.loads(remarks)


def _into_directory(counts: Counts, distinct: int) -> None:
    """Save the clients in up to PASSES passes."""
    zone = {"zone": default_timezone()}
    # Another process may create or delete clients between the statements of a pass.
    existing = _number("SELECT count(*) FROM (SELECT FROM audience_client LIMIT 1) one")
    for _ in range(PASSES):
        counts.created += _run(INSERT, zone)
        if not existing and counts.created == distinct:
            return
        if _number(LOCK, zone):
            counts.updated += _run(UPDATE, zone)
        if not _number(MISSING):
            return


Parameters = list[Any] | dict[str, Any] | None


def _run(sql: str, parameters: Parameters = None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)


def _number(sql: str, parameters: Parameters = None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        (value,) = cursor.fetchone()
    return int(value)
