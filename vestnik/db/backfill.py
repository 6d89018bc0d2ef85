"""Fills a new column of a large table while workers of two versions write to the table."""

from collections.abc import Callable
from typing import Any

from django.db import transaction

#: Ids read in one transaction, which locks its rows for about a tenth of a second.
ROWS_AT_ONCE = 5_000

# Rows that another transaction has locked are skipped and keep their text alone: waiting for them
# could be a deadlock.
READ_ROWS = """
SELECT id, {text} FROM {table}
WHERE id BETWEEN %s AND %s AND {text} <> '' AND {data} IS NULL AND {which}
FOR NO KEY UPDATE SKIP LOCKED
"""
# One statement for all rows of a slice. They are locked by READ_ROWS.
WRITE = """
UPDATE {table} t SET {data} = known.data::jsonb
FROM unnest(%s::bigint[], %s::text[]) AS known (id, data) WHERE t.id = known.id
"""


def convert(
    connection: Any,
    table: str,
    text: str,
    data: str,
    *,
    read: Callable[[str], str | None],
    which: str = "true",
) -> int:
    """Set `data` of each row to what `read` makes of its `text`; return the number of rows set.

    Works on ROWS_AT_ONCE ids at a time, each time in a transaction of its own. `which` is a further
    SQL condition.
    """
    names = {"table": table, "text": text, "data": data, "which": which}
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT coalesce(min(id), 1), coalesce(max(id), 0) FROM {table}")
        first, last = cursor.fetchone()
        converted = 0
        for start in range(first, last + 1, ROWS_AT_ONCE):
            with transaction.atomic(using=connection.alias):
                cursor.execute(READ_ROWS.format(**names), [start, start + ROWS_AT_ONCE - 1])
                known = [(id, found) for id, said in cursor.fetchall() if (found := read(said))]
                if known:
                    cursor.execute(WRITE.format(**names), [*map(list, zip(*known, strict=True))])
            converted += len(known)
    return converted
