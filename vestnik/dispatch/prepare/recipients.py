"""Selects a mailing's recipients, and samples of the texts that they would get."""

from dataclasses import dataclass

from django.db.models import QuerySet

from vestnik.audience.filters.selection import Filter, matching
from vestnik.audience.models import Client
from vestnik.db import sql
from vestnik.dispatch.prepare.follow_up import unreached
from vestnik.mailings.models import Mailing
from vestnik.mailings.rendering import clients_sql, rendered_sql
from vestnik.mailings.text import is_personalised

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
