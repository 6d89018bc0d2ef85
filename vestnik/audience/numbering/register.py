"""The numbering register: which range of numbers was given out for which region.

A number keeps its region when its owner changes the operator, so its region tells a time zone.
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


#: first, last, operator, region, timezone
Row = tuple[int, int, str, str, str | None]
#: All of Kazakhstan has had one time since 1 March 2024, so no register is needed for it.
KAZAKHSTAN = (77_000_000_000, 77_999_999_999, "", "Казахстан", "Asia/Almaty")


def zone_near(phone_number: str) -> str | None:
    """The time zone of a number, where the register is there and tells it."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {ZONE_OF.format(number='%s')}", [phone_number])
        (zone,) = cursor.fetchone()
    return None if zone is None else str(zone)


def load_shipped() -> bool:
    """Load the ranges that ship with the product, unless the operator's own or newer are there."""
    table = shipped()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [NUMBERING_LOCK])
        register = NumberingRegister.objects.first()
        if register is None and NumberRange.objects.exists():
            return False  # the operator's, by a version that did not note where they are from
        if register and not (register.is_shipped and _is_older(register, table.published)):
            return False
        _replace(_shipped_rows())
        _note(is_shipped=True, published=table.published)
    return True


@cache
def _shipped_rows() -> tuple[Row, ...]:
    """With each region's zone, looked for once."""
    zones = {region: zone_of(region) for _first, _last, region in shipped().ranges}
    return tuple((first, last, "", name, zones[name]) for first, last, name in shipped().ranges)


def published() -> date | None:
    """When the register that tells the zones was published; None where there is none."""
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
    """Replace the ranges by those of the file: how many were taken, and how many rows skipped.

    Raises FileProblem, and changes nothing, where it is no such file or too much of it is odd.
    """
    found = ranges(file)
    with transaction.atomic():
        _replace(found.taken)
        _note(is_shipped=False)
    return len(found.taken), found.skipped


def _replace(rows: Iterable[Row]) -> None:
    NumberRange.objects.all().delete()
    with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        for row in (*rows, KAZAKHSTAN):
            copy.write_row(row)
