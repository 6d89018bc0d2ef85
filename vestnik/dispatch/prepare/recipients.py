"""Selects a mailing's recipients and renders the text of each.

Enlisting and preview use the same statement, so they cannot differ.
"""

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from vestnik.audience.filters.selection import Filter, matching
from vestnik.audience.models import Client
from vestnik.audience.phone import GETS_NO_SMS
from vestnik.db import sql
from vestnik.dispatch.prepare.follow_up import unreached
from vestnik.mailings.models import Mailing
from vestnik.mailings.rendering import rendering_of
from vestnik.mailings.template import is_personalised

NEEDED = ("id", "phone_number", "operator_code", "tag", "timezone", "attributes")
NEEDED_BY_ALL = ("id", "phone_number", "timezone")

#: Samples are taken from this many of the first clients.
LOOKED_AT = 1000


@dataclass(frozen=True, slots=True)
class Sample:
    """The text that one client would get."""

    client: int
    text: str
    segments: int


def select_recipients(audience: Filter) -> QuerySet[Client]:
    """Return the clients that a mailing with this filter goes to, in no particular order."""
    clients = matching({kind: audience[kind] for kind in audience if kind != "again"})
    again = audience.get("again")
    return clients.filter(unreached(**again)) if again else clients


def clients_sql(text: str, clients: QuerySet[Client]) -> tuple[str, tuple[Any, ...]]:
    """Return the query of the clients with the columns that `rendered_sql` needs, and its
    parameters.

    The stop list is joined: a subquery would be probed for each of a million clients and each time
    that it is mentioned.
    """
    values = rendering_of(text).values()
    columns = NEEDED if values else NEEDED_BY_ALL
    selected, parameters = clients.values_list(*columns).query.sql_with_params()
    no_sms = GETS_NO_SMS.format(number="c.phone_number")
    statement = f"""
SELECT c.id, c.phone_number, c.timezone, s.id IS NOT NULL AS stopped,
    {no_sms} AS no_sms{values}
FROM ({selected}) c LEFT JOIN audience_stoplistentry s USING (phone_number)
"""
    return statement, parameters


def rendered_sql(text: str, clients_sql: str) -> str:
    """Return the query that renders the clients of `clients_sql`.

    Its columns are `id`, `phone_number`, `timezone`; the refusal as `code`, `why` and `reason`,
    null without one; `text` and `segments`, null if all clients get the same text.
    """
    return rendering_of(text).over(clients_sql)


def _sample_sql(rendered: str) -> str:
    return f"""
SELECT id, text, segments FROM ({rendered}) AS r WHERE code IS NULL ORDER BY id LIMIT %s
"""


def sample_messages(
    mailing: Mailing, most: int, clients: QuerySet[Client] | None = None
) -> list[Sample]:
    """Return what the first clients of a mailing would get, or the first of `clients`.

    The mailing need not be saved. At most `most` samples.
    """
    among = select_recipients(mailing.filter) if clients is None else clients
    statement, parameters = clients_sql(mailing.text, among.order_by("id")[:LOOKED_AT])
    sampling = _sample_sql(rendered_sql(mailing.text, statement))
    own = is_personalised(mailing.text)
    return [
        Sample(client, text if own else mailing.text, segments if own else mailing.segments)
        for client, text, segments in sql.rows(sampling, [*parameters, most])
    ]
