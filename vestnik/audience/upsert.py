"""Many clients at once, each made or changed by its phone number."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction

from vestnik.audience.models import default_timezone
from vestnik.audience.numbering import ZONE_OF
from vestnik.audience.stoplist import recall
from vestnik.audience.validation import Problem, problems_of

MOST_AT_ONCE = 10_000
ATTEMPTS = 3
BUSY = (("", "Somebody else changes this client just now: send it again."),)
COLUMNS = ("phone_number", "operator_code", "tag", "timezone", "attributes")

# What a key of the list does not say is null here, and stays what the client has.
GIVEN = """
WITH given AS (
    SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::jsonb[])
        AS g(phone_number, operator_code, tag, timezone, attributes)
)
"""

# In the order of the numbers, as LOCK is: two lists that overlap wait for each other, and never
# in a circle. The NOT EXISTS spares a sequence value and a dead row for each known client.
INSERT = f"""{GIVEN}
INSERT INTO audience_client (phone_number, operator_code, tag, timezone, attributes)
SELECT phone_number, coalesce(operator_code, substr(phone_number, 2, 3)), coalesce(tag, ''),
       coalesce(timezone, {ZONE_OF.format(number="phone_number")}, %s), coalesce(attributes, '{{}}')
FROM given
WHERE NOT EXISTS (SELECT FROM audience_client c WHERE c.phone_number = given.phone_number)
ORDER BY phone_number
ON CONFLICT (phone_number) DO NOTHING
RETURNING phone_number, id
"""

LOCK = "SELECT FROM audience_client WHERE phone_number = ANY(%s) ORDER BY phone_number FOR UPDATE"

UPDATE = f"""{GIVEN}
UPDATE audience_client c
SET operator_code = coalesce(given.operator_code, c.operator_code),
    tag = coalesce(given.tag, c.tag),
    timezone = coalesce(given.timezone, c.timezone),
    attributes = coalesce(given.attributes, c.attributes)
FROM given
WHERE c.phone_number = given.phone_number
RETURNING c.phone_number, c.id
"""


@dataclass(frozen=True)
class Result:
    """What became of one item: `created`, `updated`, or `invalid` for the reasons given."""

    status: str
    id: int | None = None
    problems: Sequence[Problem] = field(default_factory=tuple)


def upsert(items: Sequence[object]) -> list[Result]:
    """Make or change the client of each item's phone number; a result per item, in order.

    Items that are wrong are left out, the others are saved, all or none of them. A key that an
    item leaves out keeps the value that the client has.
    """
    problems = [problems_of(item) for item in items]
    _name_repeated(items, problems)
    good = [item for item, wrong in zip(items, problems, strict=True) if not wrong]
    saved = _save([item for item in good if isinstance(item, dict)])
    return [
        Result("invalid", problems=wrong) if wrong else _found(saved, item)
        for item, wrong in zip(items, problems, strict=True)
    ]


def _found(saved: Mapping[str, Result], item: object) -> Result:
    number = item["phone_number"] if isinstance(item, dict) else ""
    return saved.get(number, Result("invalid", problems=BUSY))


def _name_repeated(items: Sequence[object], problems: list[list[Problem]]) -> None:
    first: dict[str, int] = {}
    for index, item in enumerate(items):
        if problems[index] or not isinstance(item, dict):
            continue
        earlier = first.setdefault(item["phone_number"], index)
        if earlier != index:
            remedy = f"Item {earlier} has this number already: list each number once."
            problems[index].append(("phone_number", remedy))


def _save(items: Sequence[Mapping[str, Any]]) -> dict[str, Result]:
    saved: dict[str, Result] = {}
    with transaction.atomic():
        for _ in range(ATTEMPTS):
            # Again for a client that somebody deleted between the two statements.
            left = [item for item in items if item["phone_number"] not in saved]
            if left:
                saved |= _save_once(left)
        recall(saved)
    return saved


def _save_once(items: Sequence[Mapping[str, Any]]) -> dict[str, Result]:
    saved: dict[str, Result] = {}
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [*_columns(items), default_timezone()])
        saved |= {number: Result("created", id) for number, id in cursor.fetchall()}
        known = [item for item in items if item["phone_number"] not in saved]
        if known:
            cursor.execute(LOCK, [[item["phone_number"] for item in known]])
            cursor.execute(UPDATE, _columns(known))
            saved |= {number: Result("updated", id) for number, id in cursor.fetchall()}
    return saved


def _columns(items: Iterable[Mapping[str, Any]]) -> list[list[str | None]]:
    return [[_written(item.get(name)) for item in items] for name in COLUMNS]


def _written(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)
