"""Running the pipeline's own statements."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection, transaction

LOCK_TIMEOUT = "SELECT set_config('lock_timeout', %s, true)"

Parameters = Sequence[Any] | Mapping[str, Any]


def rows(sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
    """All rows that a statement answers."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def prepared_rows(sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
    """The same by a prepared statement, for those that run for every flight or batch: PostgreSQL
    then parses and plans them once for each connection.

    Such a statement finds its rows by keys alone, whatever the planner believes of the tables.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(sql, parameters, prepare=True)
        return cursor.fetchall()


def row(sql: str, parameters: Parameters = ()) -> tuple[Any, ...] | None:
    """The first row that a statement answers, or None."""
    return next(iter(rows(sql, parameters)), None)


def prepared_row(sql: str, parameters: Parameters = ()) -> tuple[Any, ...] | None:
    """The first row that a prepared statement answers, or None."""
    return next(iter(prepared_rows(sql, parameters)), None)


def value(sql: str, parameters: Parameters = ()) -> Any:
    """The one value that a statement answers; None where it answers nothing."""
    found = row(sql, parameters)
    return found[0] if found else None


def run(sql: str, parameters: Parameters = ()) -> int:
    """Run a statement; how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)


def array(values: Sequence[object]) -> str:
    """A PostgreSQL array of numbers or plain words, as text."""
    return "{" + ",".join(map(str, values)) + "}"


@contextmanager
def lock_timeout(seconds: float) -> Iterator[None]:
    """A transaction that waits for no lock of others for longer: then it is rolled back, and
    OperationalError raised."""
    with transaction.atomic():
        before = value("SELECT current_setting('lock_timeout')")
        run(LOCK_TIMEOUT, [f"{round(seconds * 1000)}ms"])
        yield
        run(LOCK_TIMEOUT, [before])  # of the transaction in which this one may be


def is_connected() -> bool:
    """Whether this thread's connection still stands after an error."""
    return connection.connection is not None and not connection.connection.closed
