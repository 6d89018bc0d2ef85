"""What may be written into a filter or a text: suggested, never required.

Cheap however many clients there are: an index is hopped through from value to value, and the names
of attributes are those of the first and the last clients. Each process remembers them for a minute.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.core.cache import cache

from vestnik.db import sql

KEPT_SECONDS = 60
MOST = 200
#: A page carries the values of no more attributes than these.
MOST_WITH_VALUES = 30
CACHE_KEY = "dashboard-suggestions"

# A `DISTINCT` would read a million entries of the index: this reads as many as there are values.
DISTINCT = """
WITH RECURSIVE found AS (
    (SELECT {column} AS value FROM audience_client ORDER BY {column} LIMIT 1)
    UNION ALL
    SELECT (SELECT {column} FROM audience_client
            WHERE {column} > found.value ORDER BY {column} LIMIT 1)
    FROM found WHERE found.value IS NOT NULL
)
SELECT value FROM found WHERE value <> '' LIMIT %s
"""

NAMES = """
SELECT DISTINCT jsonb_object_keys(attributes) AS name FROM (
    (SELECT attributes FROM audience_client ORDER BY id LIMIT 1000)
    UNION ALL
    (SELECT attributes FROM audience_client ORDER BY id DESC LIMIT 1000)
) AS sampled ORDER BY name LIMIT %s
"""

# Of a name the values that most of the sampled clients have; one that each has anew is no help.
VALUES = """
SELECT name, array_agg(value ORDER BY value) FROM (
    SELECT name, value, row_number() OVER (PARTITION BY name ORDER BY count(*) DESC, value) AS place
    FROM (
        (SELECT attributes FROM audience_client ORDER BY id LIMIT 1000)
        UNION ALL
        (SELECT attributes FROM audience_client ORDER BY id DESC LIMIT 1000)
    ) AS sampled, jsonb_each_text(attributes) AS each(name, value)
    WHERE jsonb_typeof(attributes -> name) IN ('string', 'number', 'boolean')
        AND length(value) BETWEEN 1 AND 60
    GROUP BY name, value
) AS counted WHERE place <= 15 GROUP BY name ORDER BY name LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Values that clients have."""

    codes: Sequence[str]
    tags: Sequence[str]
    names: Sequence[str]
    #: What the attributes of these names often are.
    values: Mapping[str, Sequence[str]]


def suggestions() -> Suggestions:
    """What clients have, as of a minute ago or less."""
    return cache.get_or_set(CACHE_KEY, _found, KEPT_SECONDS)  # type: ignore[return-value]  # never None


def _found() -> Suggestions:
    values = dict(sql.rows(VALUES, [MOST_WITH_VALUES]))
    return Suggestions(_distinct("operator_code"), _distinct("tag"), _listed(NAMES), values)


def _distinct(column: str) -> Sequence[str]:
    return _listed(DISTINCT.format(column=column))


def _listed(statement: str) -> Sequence[str]:
    return [value for (value,) in sql.rows(statement, [MOST])]
