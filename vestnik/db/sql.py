"""Runs SQL statements."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar, overload

import psycopg
from django.db import connection, transaction

LOCK_TIMEOUT = "SELECT set_config('lock_timeout', %s, true)"

Parameters = Sequence[Any] | Mapping[str, Any]
Row = TypeVar("Row", bound=NamedTuple)


def run(sql: str, parameters: Parameters = (), *, prepared: bool = False) -> psycopg.Cursor[Any]:
    """Run a statement and return its cursor, for the rows that it returned or changed.

    `prepared` is for statements that run for every flight or batch: PostgreSQL parses and plans
    them once for each connection (decision 0075). Such a statement must find its rows by keys
    alone, so that a generic plan is right for any table statistics.
    """
    if prepared:
        connection.ensure_connection()
        with connection.wrap_database_errors:
            return psycopg.Cursor(connection.connection).execute(sql, parameters, prepare=True)
    cursor: Any = connection.cursor()
    cursor.execute(sql, parameters)
    return cursor  # type: ignore[no-any-return]  # Django's wrapper of a psycopg cursor


@overload
def rows(
    sql: str, parameters: Parameters = (), *, of: type[Row], prepared: bool = False
) -> list[Row]: ...
@overload
def rows(
    sql: str, parameters: Parameters = (), *, prepared: bool = False
) -> list[tuple[Any, ...]]: ...
def rows(
    sql: str, parameters: Parameters = (), *, of: Any = None, prepared: bool = False
) -> list[Any]:
    """Run a statement and return all its rows: tuples, or `of` a kind whose fields are its
    columns."""
    cursor = run(sql, parameters, prepared=prepared)
    if of is None:
        return cursor.fetchall()
    columns = tuple(column.name for column in cursor.description or ())
    if columns != of._fields:
        raise TypeError(f"{of.__name__} has {of._fields}, the statement returns {columns}")
    return list(map(of._make, cursor.fetchall()))


def value(sql: str, parameters: Parameters = ()) -> Any:
    """Run a statement and return the first column of its first row; None without a row."""
    found = rows(sql, parameters)
    return found[0][0] if found else None


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
