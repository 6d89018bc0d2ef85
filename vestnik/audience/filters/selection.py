"""The audience filter: selects the clients of a mailing.

A filter is `{"operator_codes": [...], "tags": [...], "attributes": {...}, "mailings": {...},
"exclude": {...}}`.

Values of one kind are alternatives, kinds narrow each other, and `{}` selects everyone. `exclude`
has the same form and removes the clients that it selects; an empty one removes none.
"""

from collections.abc import Mapping
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from vestnik.audience.filters.conditions import condition, tagged
from vestnik.audience.filters.mailing_conditions import WORDS, mailing_condition
from vestnik.audience.filters.rules import KINDS
from vestnik.audience.models import Client

Filter = Mapping[str, Any]

#: The number of suggested names; a page shows far fewer.
MOST_NAMES = 1000
# Sampled from the first and the last clients: reading a million takes seconds.
NAMES = """
SELECT DISTINCT jsonb_object_keys(attributes) AS name FROM (
    (SELECT attributes FROM audience_client ORDER BY id LIMIT 1000)
    UNION ALL
    (SELECT attributes FROM audience_client ORDER BY id DESC LIMIT 1000)
) AS sampled ORDER BY name LIMIT %s
"""


class UnknownCondition(ValueError):
    """Raised for an unknown condition; ignoring it would select more clients."""


def matching(audience: Filter) -> QuerySet[Client]:
    """Return the clients that `audience` selects, unordered. Raises UnknownCondition."""
    unknown = (audience.keys() - {*KINDS, "exclude"}) | (
        audience.get("exclude", {}).keys() - set(KINDS)
    )
    unknown |= (_words_of(audience) | _words_of(audience.get("exclude", {}))) - set(WORDS)
    if unknown:
        raise UnknownCondition(f"Unknown conditions of a filter: {', '.join(sorted(unknown))}.")
    clients = Client.objects.order_by().filter(_selected(audience))
    excluded = _selected(audience.get("exclude", {}))
    return clients.filter(~excluded) if excluded else clients


def _words_of(audience: Filter) -> set[str]:
    return set(audience.get("mailings", {}))


def _selected(audience: Filter) -> Q:
    """Return the condition of a filter; it is never null, so that it can be negated."""
    selected = Q()
    if codes := audience.get("operator_codes"):
        selected &= Q(operator_code__in=list(codes))
    if tags := audience.get("tags"):
        selected &= tagged(tags)
    for name, expected in audience.get("attributes", {}).items():
        selected &= condition(name, expected)
    if mailings := audience.get("mailings"):
        selected &= mailing_condition(mailings)
    return selected


def is_attribute(name: str) -> bool:
    """Return whether at least one client has an attribute of that name."""
    return Client.objects.order_by().filter(attributes__has_key=name).exists()


def attribute_names(most: int = MOST_NAMES) -> list[str]:
    """Return the names of attributes for suggestions; rare ones may be missing."""
    with connection.cursor() as cursor:
        cursor.execute(NAMES, [most])
        return [name for (name,) in cursor.fetchall()]
