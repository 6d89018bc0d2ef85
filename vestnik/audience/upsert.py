"""Creates or changes many clients at once, by their phone numbers."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction

from vestnik.audience.attribute_types import check_types, declared_types
from vestnik.audience.models import default_timezone
from vestnik.audience.numbering.register import ZONE_OF
from vestnik.audience.stop_list import recall
from vestnik.audience.validation import Problem, problems_of
from vestnik.db.errors import retry_on_conflict

#: Items of one request: they are one statement, whose locks others wait for.
MOST_AT_ONCE = 10_000
COLUMNS = ("phone_number", "operator_code", "tag", "timezone", "attributes")

# A missing key is null here and keeps the client's value.
SENT_ROWS = """
given AS (
    SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::jsonb[])
        AS g(phone_number, operator_code, tag, timezone, attributes)
)
"""

# One pass inserts new clients and locks known ones, in the order of the numbers, so that two
# overlapping lists never deadlock. (Separate passes deadlocked: a number that is known to one list
# is new to another.) WHERE false locks the existing row and writes nothing; each costs a value of
# the sequence.
INSERT_OR_LOCK = f"""
WITH {SENT_ROWS}
INSERT INTO audience_client
    (phone_number, operator_code, tag, timezone, timezone_source, attributes)
SELECT phone_number, coalesce(operator_code, substr(phone_number, 2, 3)), coalesce(tag, ''),
       coalesce(timezone, near.zone, %s),
       CASE WHEN timezone IS NOT NULL THEN 'given' WHEN near.zone IS NULL THEN 'assumed'
           ELSE 'number' END, coalesce(attributes, '{{}}')
FROM given CROSS JOIN LATERAL (
    SELECT CASE WHEN timezone IS NULL THEN {ZONE_OF.format(number="phone_number")} END AS zone
    OFFSET 0
) near
ORDER BY phone_number
ON CONFLICT (phone_number) DO UPDATE SET phone_number = excluded.phone_number WHERE false
RETURNING phone_number, id
"""

#: The rows are locked by INSERT_OR_LOCK, so the order does not matter here.
UPDATE = f"""
WITH {SENT_ROWS}
UPDATE audience_client c
SET operator_code = coalesce(given.operator_code, c.operator_code),
    tag = coalesce(given.tag, c.tag),
    timezone = coalesce(given.timezone, c.timezone),
    timezone_source = CASE WHEN given.timezone IS NULL THEN c.timezone_source ELSE 'given' END,
    attributes = coalesce(given.attributes, c.attributes)
FROM given
WHERE c.phone_number = given.phone_number
RETURNING c.phone_number, c.id
"""


@dataclass(frozen=True)
class Result:
    """The result of one item: `created`, `updated`, or `invalid` with its problems."""

    status: str
    id: int | None = None
    problems: Sequence[Problem] = field(default_factory=tuple)


def upsert(items: Sequence[object]) -> list[Result]:
    """Create or change the client of each item's phone number; return a result per item, in order.

    Invalid items are skipped; all others are saved together or not at all. A key that an item
    leaves out keeps the client's value.
    """
    types = declared_types()
    problems = [problems_of(item) or _of_types(item, types) for item in items]
    _name_repeated(items, problems)
    good = [item for item, wrong in zip(items, problems, strict=True) if not wrong]
    saved = _save([item for item in good if isinstance(item, dict)])
    return [
        Result("invalid", problems=wrong) if wrong else saved[_number(item)]
        for item, wrong in zip(items, problems, strict=True)
    ]


def _of_types(item: object, types: Mapping[str, str]) -> list[Problem]:
    attributes = item.get("attributes", {}) if types and isinstance(item, dict) else {}
    try:
        check_types(attributes, types=types)
    except ValidationError as error:
        return [("attributes", message) for message in error.messages]
    return []


def _number(item: object) -> str:
    return str(item["phone_number"]) if isinstance(item, dict) else ""


def _name_repeated(items: Sequence[object], problems: list[list[Problem]]) -> None:
    first: dict[str, int] = {}
    for index, item in enumerate(items):
        if problems[index] or not isinstance(item, dict):
            continue
        earlier = first.setdefault(item["phone_number"], index)
        if earlier != index:
            remedy = f"Item {earlier} has this number already: list each number once."
            problems[index].append(("phone_number", remedy))


@retry_on_conflict
def _save(items: Sequence[Mapping[str, Any]]) -> dict[str, Result]:
    with transaction.atomic():
        # Rows that were locked and not inserted return nothing, so what is missing is known.
        saved = {number: Result("created", id) for number, id in _rows(INSERT_OR_LOCK, items)}
        known = [item for item in items if item["phone_number"] not in saved]
        saved |= {number: Result("updated", id) for number, id in _rows(UPDATE, known)}
        recall(saved)
    return saved


def _rows(statement: str, items: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
    zone = [default_timezone()] if statement is INSERT_OR_LOCK else []
    with connection.cursor() as cursor:
        cursor.execute(statement, [*_columns(items), *zone])
        rows: list[tuple[str, int]] = cursor.fetchall()
    return rows


def _columns(items: Iterable[Mapping[str, Any]]) -> list[list[str | None]]:
    return [[_written(item.get(name)) for item in items] for name in COLUMNS]


def _written(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)
