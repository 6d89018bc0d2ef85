"""The numbering register: the region of each range of numbers.

A number keeps its region when its owner changes the operator, so the region gives the time zone.
"""

from collections.abc import Iterable
from datetime import date
from functools import cache
from typing import IO

from django.db import connection, transaction

from vestnik.audience.imports import NumberingRegister, NumberRange
from vestnik.audience.numbering.regions import zone_of
from vestnik.audience.numbering.register_file import ranges
from vestnik.audience.numbering.register_table import shipped
from vestnik.db.lock_ids import NUMBERING_LOCK

#: A subquery, where {number} is the column of the phone number; null means unknown. Ranges do not
#: overlap, so only the last range that begins at or before the number can contain it.
ZONE_OF = """(
    SELECT CASE WHEN r.last >= near.number THEN r.timezone END
    FROM (SELECT {number}::bigint AS number) near
    CROSS JOIN LATERAL (
        SELECT last, timezone FROM audience_numberrange
        WHERE first <= near.number ORDER BY first DESC LIMIT 1
    ) r
)"""

COPY = "COPY audience_numberrange (first, last, operator, region, timezone) FROM STDIN"


#: first, last, operator, region, timezone
Row = tuple[int, int, str, str, str | None]
#: Kazakhstan has had a single time zone since 1 March 2024, so it needs no register.
KAZAKHSTAN = (77_000_000_000, 77_999_999_999, "", "Казахстан", "Asia/Almaty")


def zone_near(phone_number: str) -> str | None:
    """Return the time zone of a number by the register; None if it is unknown."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {ZONE_OF.format(number='%s')}", [phone_number])
        (zone,) = cursor.fetchone()
    return None if zone is None else str(zone)


def load_shipped() -> bool:
    """Load the shipped ranges, unless the operator's own or newer ones are loaded."""
    table = shipped()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [NUMBERING_LOCK])
        register = NumberingRegister.objects.first()
        if register is None and NumberRange.objects.exists():
            return False  # the operator's, of a version without sources
        if register and not (register.is_shipped and _is_older(register, table.published)):
            return False
        _replace(_shipped_rows())
        _note(is_shipped=True, published=table.published)
    return True


@cache
def _shipped_rows() -> tuple[Row, ...]:
    """Return the shipped ranges, with the zone of each region looked up once."""
    zones = {region: zone_of(region) for _first, _last, region in shipped().ranges}
    return tuple((first, last, "", name, zones[name]) for first, last, name in shipped().ranges)


def published() -> date | None:
    """Return the date of the loaded register; None if none is loaded."""
    register = NumberingRegister.objects.first()
    if register is None:
        return None
    return register.published or register.loaded_at.date()


def _is_older(register: NumberingRegister, published: date) -> bool:
    return register.published is None or register.published < published


def _note(*, is_shipped: bool, published: date | None = None) -> None:
    NumberingRegister.objects.all().delete()
    NumberingRegister.objects.create(id=1, is_shipped=is_shipped, published=published)


def replace(file: IO[bytes]) -> tuple[int, int]:
    """Replace the ranges by those of the file; return how many were loaded and skipped.

    Raises FileProblem, and changes nothing, if it is another file or too many rows are wrong.
    """
    parsed = ranges(file)
    with transaction.atomic():
        _replace(parsed.taken)
        _note(is_shipped=False)
    return len(parsed.taken), parsed.skipped


def _replace(rows: Iterable[Row]) -> None:
    # In one transaction: readers see the old ranges until all new ones are there.
    NumberRange.objects.all().delete()
    with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        for row in (*rows, KAZAKHSTAN):
            copy.write_row(row)
