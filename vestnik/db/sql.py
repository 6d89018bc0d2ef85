"""Runs SQL statements."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import psycopg
from django.db import connection, transaction
from psycopg.rows import dict_row, tuple_row

LOCK_TIMEOUT = "SELECT set_config('lock_timeout', %s, true)"

Parameters = Sequence[Any] | Mapping[str, Any]
Row = TypeVar("Row", bound=NamedTuple)


@contextmanager
def _ran(sql: str, parameters: Parameters) -> Iterator[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        yield cursor


@contextmanager
def _ran_prepared(
    sql: str, parameters: Parameters, row_factory: Any = tuple_row
) -> Iterator[psycopg.Cursor[Any]]:
    connection.ensure_connection()
    cursor = psycopg.Cursor(connection.connection, row_factory=row_factory)
    with connection.wrap_database_errors, cursor:
        cursor.execute(sql, parameters, prepare=True)
        yield cursor


def rows(sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
    """Run a statement and return all its rows."""
    with _ran(sql, parameters) as cursor:
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def prepared_rows(sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
    """Run a prepared statement and return all its rows.

    For statements that run for every flight or batch: PostgreSQL parses and plans them once for
    each connection (decision 0075). Such a statement must find its rows by keys alone, so that a
    generic plan is right for any table statistics.
    """
    with _ran_prepared(sql, parameters) as cursor:
        return cursor.fetchall()


def rows_of(kind: type[Row], sql: str, parameters: Parameters = ()) -> list[Row]:
    """Run a statement and return all its rows as `kind`, whose fields are the statement's
    columns."""
    with _ran(sql, parameters) as cursor:
        return _named(kind, cursor)


def prepared_rows_of(kind: type[Row], sql: str, parameters: Parameters = ()) -> list[Row]:
    """Run a prepared statement and return all its rows as `kind`."""
    with _ran_prepared(sql, parameters) as cursor:
        return _named(kind, cursor)


def _named(kind: type[Row], cursor: Any) -> list[Row]:
    columns = tuple(column.name for column in cursor.description)
    if columns != kind._fields:
        raise TypeError(f"{kind.__name__} has {kind._fields}, the statement returns {columns}")
    return list(map(kind._make, cursor.fetchall()))


def prepared_record(sql: str, parameters: Parameters = ()) -> dict[str, Any] | None:
    """Run a prepared statement and return its first row by column names, or None."""
    with _ran_prepared(sql, parameters, dict_row) as cursor:
        return cursor.fetchone()


def row(sql: str, parameters: Parameters = ()) -> tuple[Any, ...] | None:
    """Run a statement and return its first row, or None."""
    return next(iter(rows(sql, parameters)), None)


def row_of(kind: type[Row], sql: str, parameters: Parameters = ()) -> Row | None:
    """Run a statement and return its first row as `kind`, or None."""
    return next(iter(rows_of(kind, sql, parameters)), None)


def prepared_row_of(kind: type[Row], sql: str, parameters: Parameters = ()) -> Row | None:
    """Run a prepared statement and return its first row as `kind`, or None."""
    return next(iter(prepared_rows_of(kind, sql, parameters)), None)


def prepared_row(sql: str, parameters: Parameters = ()) -> tuple[Any, ...] | None:
    """Run a prepared statement and return its first row, or None."""
    return next(iter(prepared_rows(sql, parameters)), None)


def value(sql: str, parameters: Parameters = ()) -> Any:
    """Run a statement and return the first column of its first row; None without a row."""
    found = row(sql, parameters)
    return found[0] if found else None


def run(sql: str, parameters: Parameters = ()) -> int:
    """Run a statement and return the number of rows that it changed or returned."""
    with _ran(sql, parameters) as cursor:
        return int(cursor.rowcount)


def array(values: Sequence[object]) -> str:
    """Return a PostgreSQL array of numbers or plain words as text; words are not escaped."""
    return "{" + ",".join(map(str, values)) + "}"


def one_line(statement: str) -> str:
    """Return the statement without indentation. It must contain no `--` comment.

    psycopg caches the parsed form of statements of up to 4,096 characters and parses a longer one
    at each call, in 0.15 ms.
    """
    return " ".join(statement.split())


def literals(words: Iterable[str]) -> str:
    """Return constants of the code as an SQL list for IN. Not for input: words are not escaped."""
    return "(" + ", ".join(f"'{word}'" for word in words) + ")"


@contextmanager
def lock_timeout(seconds: float) -> Iterator[None]:
    """Run the block as a transaction that waits at most `seconds` for a lock of another
    transaction.

    A longer wait rolls it back and raises OperationalError.
    """
    with transaction.atomic():
        before = value("SELECT current_setting('lock_timeout')")
        run(LOCK_TIMEOUT, [f"{round(seconds * 1000)}ms"])
        yield
        run(LOCK_TIMEOUT, [before])  # an outer transaction may go on


def is_connected() -> bool:
    """Return whether this thread's connection is still open, after an error."""
    return connection.connection is not None and not connection.connection.closed
