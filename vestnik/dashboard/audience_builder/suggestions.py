"""Suggestions for filters and texts; any other value may be entered as well.

The cost does not depend on the number of clients: an index is scanned from one distinct value to
the next, and the names of attributes are sampled. Each process caches them for a minute.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from django.core.cache import cache

from vestnik.audience.filters.selection import attribute_names
from vestnik.dashboard.wording.typed_numbers import with_decimal_sign
from vestnik.db import sql

#: Seconds for which a process caches the suggestions.
KEPT_SECONDS = 60
#: Suggestions per list; browsers show a few and filter while typing.
MOST = 200
#: A page contains the values of at most this many attributes.
MOST_WITH_VALUES = 30
CACHE_KEY = "dashboard-suggestions"

# A loose index scan: DISTINCT would read a million entries of the index, this as many as there are
# values.
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

# The most frequent values per name; values that are unique to each client would not help.
VALUES = """
SELECT name, array_agg(value ORDER BY value), array_agg(is_number ORDER BY value) FROM (
    SELECT name, value, bool_and(jsonb_typeof(attributes -> name) = 'number') AS is_number,
        row_number() OVER (PARTITION BY name ORDER BY count(*) DESC, value) AS place
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
    #: Frequent values by the names of attributes.
    values: Mapping[str, Sequence[str]]


#: Codes, tags and names, and the values by name, each with whether it is a number.
Found = tuple[
    tuple[Sequence[str], Sequence[str], Sequence[str]], Mapping[str, Sequence[tuple[str, bool]]]
]


def suggestions() -> Suggestions:
    """Return values that clients have, up to a minute old; numbers as the page writes them."""
    lists, values = cast(Found, cache.get_or_set(CACHE_KEY, _found, KEPT_SECONDS))
    return Suggestions(
        *lists,
        {
            name: [with_decimal_sign(one) if is_number else one for one, is_number in each]
            for name, each in values.items()
        },
    )


def _found() -> Found:
    values = {
        name: list(zip(texts, are_numbers, strict=True))
        for name, texts, are_numbers in sql.rows(VALUES, [MOST_WITH_VALUES])
    }
    return (_distinct("operator_code"), _distinct("tag"), attribute_names(MOST)), values


def _distinct(column: str) -> Sequence[str]:
    return _listed(DISTINCT.format(column=column))


def _listed(statement: str) -> Sequence[str]:
    return [value for (value,) in sql.rows(statement, [MOST])]
