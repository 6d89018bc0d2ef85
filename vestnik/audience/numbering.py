"""The numbering register: which range of numbers was given out for which region.

A number keeps its region when its owner changes the operator, so its region tells a time zone.
"""

from collections.abc import Iterable
from typing import IO

from django.db import connection, transaction

from vestnik.audience.imports import NumberRange
from vestnik.audience.register_file import Range, ranges

#: To be read inside a statement, where {number} is the phone number's column; null: not known.
#: Ranges do not overlap, so the last that begins at or before the number holds it or none does.
ZONE_OF = """(
    SELECT CASE WHEN r.last >= near.number THEN r.timezone END
    FROM (SELECT {number}::bigint AS number) near
    CROSS JOIN LATERAL (
        SELECT last, timezone FROM audience_numberrange
        WHERE first <= near.number ORDER BY first DESC LIMIT 1
    ) r
)"""

COPY = "COPY audience_numberrange (first, last, operator, region, timezone) FROM STDIN"


def zone_near(phone_number: str) -> str | None:
    """The time zone of a number, where the register is there and tells it."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {ZONE_OF.format(number='%s')}", [phone_number])
        (zone,) = cursor.fetchone()
    return None if zone is None else str(zone)


def replace(file: IO[bytes]) -> tuple[int, int]:
    """Replace the ranges by those of the file: how many were taken, and how many rows skipped.

    Raises FileProblem, and changes nothing, where it is no such file or too much of it is odd.
    """
    found = ranges(file)
    _replace(found.taken)
    return len(found.taken), found.skipped


def _replace(rows: Iterable[Range]) -> None:
    with transaction.atomic():
        NumberRange.objects.all().delete()
        with connection.cursor() as cursor, cursor.copy(COPY) as copy:
            for row in rows:
                copy.write_row(row)
