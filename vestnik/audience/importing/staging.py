"""Stages the rows of a file.

The rows wait in a temporary table, which ends with its session: an import that is killed leaves
nothing behind.
"""

from typing import Any

from django.db import connection

from vestnik.audience.importing.rows import Client
from vestnik.db import sql
from vestnik.reasons.reason import Reason

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

Staged = tuple[Any, ...]


def begin() -> None:
    """Create an empty staging table."""
    end()
    sql.run(STAGE)


def end() -> None:
    """Drop the staging tables, since the session may go back to a pool."""
    sql.run("DROP TABLE IF EXISTS staged, wanted")


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
