"""Running the pipeline's own statements."""

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
    """All rows that a statement answers."""
    with _ran(sql, parameters) as cursor:
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def prepared_rows(sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
    """The same by a prepared statement, for those that run for every flight or batch: PostgreSQL
    then parses and plans them once for each connection.

    Such a statement finds its rows by keys alone, whatever the planner believes of the tables.
    """
    with _ran_prepared(sql, parameters) as cursor:
        return cursor.fetchall()


def rows_of(kind: type[Row], sql: str, parameters: Parameters = ()) -> list[Row]:
    """All rows that a statement answers, by name: its columns are the fields of `kind`."""
    with _ran(sql, parameters) as cursor:
        return _named(kind, cursor)


def prepared_rows_of(kind: type[Row], sql: str, parameters: Parameters = ()) -> list[Row]:
    """The same by a prepared statement."""
    with _ran_prepared(sql, parameters) as cursor:
        return _named(kind, cursor)


def _named(kind: type[Row], cursor: Any) -> list[Row]:
    columns = tuple(column.name for column in cursor.description)
    if columns != kind._fields:
        raise TypeError(f"{kind.__name__} has {kind._fields}, the statement answers {columns}")
    return list(map(kind._make, cursor.fetchall()))


def prepared_record(sql: str, parameters: Parameters = ()) -> dict[str, Any] | None:
    """The first row that a prepared statement answers, by the names of its columns, or None."""
    with _ran_prepared(sql, parameters, dict_row) as cursor:
        return cursor.fetchone()


def row(sql: str, parameters: Parameters = ()) -> tuple[Any, ...] | None:
    """The first row that a statement answers, or None."""
    return next(iter(rows(sql, parameters)), None)


def row_of(kind: type[Row], sql: str, parameters: Parameters = ()) -> Row | None:
    """The first row that a statement answers, by name, or None."""
    return next(iter(rows_of(kind, sql, parameters)), None)


def prepared_row_of(kind: type[Row], sql: str, parameters: Parameters = ()) -> Row | None:
    """The first row that a prepared statement answers, by name, or None."""
    return next(iter(prepared_rows_of(kind, sql, parameters)), None)


def prepared_row(sql: str, parameters: Parameters = ()) -> tuple[Any, ...] | None:
    """The first row that a prepared statement answers, or None."""
    return next(iter(prepared_rows(sql, parameters)), None)


def value(sql: str, parameters: Parameters = ()) -> Any:
    """The one value that a statement answers; None where it answers nothing."""
    found = row(sql, parameters)
    return found[0] if found else None


def run(sql: str, parameters: Parameters = ()) -> int:
    """Run a statement; how many rows it touched."""
    with _ran(sql, parameters) as cursor:
        return int(cursor.rowcount)


def array(values: Sequence[object]) -> str:
    """A PostgreSQL array of numbers or plain words, as text."""
    return "{" + ",".join(map(str, values)) + "}"


def one_line(statement: str) -> str:
    """The statement without its indentation: psycopg remembers what it made of one of up to 4,096
    characters, and takes a longer one apart at every call (0.15 ms)."""
    return " ".join(statement.split())


def literals(words: Iterable[str]) -> str:
    """Constants of the code as a list of SQL, for IN: no input of others."""
    return "(" + ", ".join(f"'{word}'" for word in words) + ")"


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
