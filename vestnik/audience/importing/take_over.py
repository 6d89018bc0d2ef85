"""Takes over the staged rows into the directory or the stop list, all in one transaction."""

import json
from dataclasses import dataclass, field
from typing import Any

from vestnik.audience.importing.into_directory import save_clients
from vestnik.audience.imports import Into
from vestnik.audience.phone import GETS_NO_SMS
from vestnik.audience.stop_list import HASH_OF, Source, any_erased, insert_entries, pads
from vestnik.db import sql
from vestnik.db.lock_ids import IMPORT_COMMIT_LOCK
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

#: For this transaction, so that sorts and joins of large imports stay in memory.
WORK_MEM = "64MB"

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


def take_over(import_id: int, into: str) -> Counts:
    """Save all rows into the directory or the stop list. Call it in a transaction."""
    sql.run("SELECT set_config('work_mem', %s, true)", [WORK_MEM])
    sql.run("SELECT pg_advisory_xact_lock(%s)", [IMPORT_COMMIT_LOCK])
    # After the lock: an erasure that ran before it has left its hash here.
    erased: list[str] = sql.value(ERASED, [import_id])
    if erased and into == Into.CLIENTS:
        sql.run(FORGET, [FORGOTTEN.text, FORGOTTEN.json, *pads(), erased])
    counts = Counts()
    distinct = _keep_one_row_of_each_number(import_id, counts)
    if any_erased():
        sql.run(DELETE_DUPLICATES, pads())
    if into == Into.STOP_LIST:
        counts.created, updated = _into_stop_list(erased), 0
    else:
        counts.created, updated = save_clients(distinct)
        counts.without_sms = sql.value(WITHOUT_SMS)
        counts.misfits, counts.remarks = _remarks()
        if any_erased():
            sql.run(RECALL, pads())
    counts.updated = min(updated, distinct - counts.created)
    counts.unchanged = distinct - counts.created - counts.updated
    return counts


def _keep_one_row_of_each_number(import_id: int, counts: Counts) -> int:
    """Record refused and repeated rows; return how many numbers are left."""
    # Autovacuum does not see temporary tables; without statistics the planner expects few rows.
    sql.run("ANALYZE staged")
    counts.rows = sql.value("SELECT count(*) FROM staged")
    counts.refused = sql.run(REFUSED, [import_id]).rowcount
    distinct = sql.run(UNIQUE).rowcount
    counts.duplicates = counts.rows - counts.refused - distinct
    if counts.duplicates:
        sql.run(REPEATED, [import_id])
    sql.run("ANALYZE wanted")
    return distinct


def _into_stop_list(erased: list[str]) -> int:
    """Add the numbers to the stop list; return how many are new on it."""
    sql.run(REHASH, [*pads(), *pads()])
    created = insert_entries(INTO_STOP_LIST, [*pads(), Source.IMPORT])
    sql.run(HIDE, [erased])
    sql.run("ANALYZE audience_stoplistentry")  # workers have plans for a short list
    return created


def _remarks() -> tuple[int, list[dict[str, Any]]]:
    ((count, remarks),) = sql.rows(REMARKS, [MOST_REMARKS])
    return count, json.loads(remarks)
