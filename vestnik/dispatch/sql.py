"""Running the pipeline's own statements."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection

Parameters = Sequence[Any] | Mapping[str, Any]


def rows(sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
    """All rows that a statement answers."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def row(sql: str, parameters: Parameters = ()) -> tuple[Any, ...] | None:
    """The first row that a statement answers, or None."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        found: tuple[Any, ...] | None = cursor.fetchone()
    return found


def value(sql: str, parameters: Parameters = ()) -> Any:
    """The one value that a statement answers; None where it answers nothing."""
    found = row(sql, parameters)
    return found[0] if found else None


def run(sql: str, parameters: Parameters = ()) -> int:
    """Run a statement; how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)
