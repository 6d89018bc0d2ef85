"""The tables that can be downloaded: clients, a mailing's messages, a mailing's statistics."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from vestnik.audience.attribute_types import declared_types
from vestnik.audience.importing.columns import exact_values, headings
from vestnik.audience.importing.rows import reading
from vestnik.audience.models import Client
from vestnik.audience.phone import holding_digits
from vestnik.dispatch.read import messages
from vestnik.mailings.models import Mailing
from vestnik.reports.files.table_writers import Cell
from vestnik.reports.mailing import statistics

#: Rows fetched at once from a cursor of the server.
ROWS_AT_ONCE = 2_000
#: Attributes that get a column; the others are in the column of exact values.
MOST_ATTRIBUTES = 200
FIELDS = ("id", "phone_number", "operator_code", "tag", "timezone", "created_at")
TAG = FIELDS.index("tag")
# Reads all clients once: an attribute need not be declared.
ATTRIBUTES = """
SELECT DISTINCT jsonb_object_keys(attributes) FROM audience_client
WHERE attributes <> '{}' ORDER BY 1 LIMIT %s
"""
MESSAGE = (
    "id",
    "client",
    "phone_number",
    "state",
    "segments",
    "attempts",
    "provider_message_id",
    "error",
    "created_at",
    "sent_at",
    "delivered_at",
    "text",
    "reason_code",
    "reason_params",
)

Row = list[Cell]


def clients(wanted: QuerySet[Client]) -> Iterator[Row]:
    """Yield the rows of clients, which can be imported again (decision 0117)."""
    rows = wanted.order_by("id").values_list(*FIELDS, "attributes")
    return table_of(rows.iterator(chunk_size=ROWS_AT_ONCE), _attributes(), declared_types())


def table_of(
    rows: Iterable[Sequence[Any]], names: Sequence[str], types: Mapping[str, str]
) -> Iterator[Row]:
    """Yield the rows of clients: their FIELDS, the attributes in `names`, and the exact values."""
    names = [name for name in names if headings.is_column(name)]
    columns = {name: reading(types.get(name)) for name in names}
    yield [*FIELDS, *map(headings.heading_of, names), exact_values.COLUMN]
    for *fields, attributes in rows:
        exact = exact_values.of(fields[TAG], attributes, columns)
        yield [*fields, *map(attributes.get, names), exact]


def _attributes() -> list[str]:
    """Return the names of attributes that get a column."""
    with connection.cursor() as cursor:
        cursor.execute(ATTRIBUTES, [MOST_ATTRIBUTES])
        return [name for (name,) in cursor.fetchall()]


def of_mailing(mailing: Mailing, state: str | None, digits: str = "") -> Iterator[Row]:
    """Yield the rows of a mailing's messages, optionally in one state or to numbers with
    `digits`."""
    rows = messages.detailed().filter(messages.of_mailing(mailing.id)).order_by("id")
    if state is not None:
        rows = rows.filter(reads_as=state)
    if digits:
        rows = rows.filter(holding_digits(digits))
    yield list(MESSAGE)
    for message in rows.iterator(chunk_size=ROWS_AT_ONCE):
        yield [_of_message(message, name) for name in MESSAGE]


def _of_message(message: Any, name: str) -> Cell:
    match name:
        case "client":
            return message.known_client
        case "state":
            return message.reads_as
        case "text":
            return message.full_text
        case "error":
            return message.why
        case "reason_code":
            return message.why and str(message.why.code)
        case "reason_params":
            return message.why and json.dumps(message.why.data["params"], ensure_ascii=False)
    return getattr(message, name)


def statistics_of(mailing: Mailing) -> Iterator[Row]:
    """Yield the rows of a mailing's statistics: pairs of measure and value."""
    found = statistics.of_mailing(mailing)
    found.pop("events")
    reason = found.pop("reason")
    found["reason_code"] = str(reason.code) if reason else ""
    return chain([["measure", "value"]], _flat(found, ""))


def _flat(found: Mapping[str, Any], path: str) -> Iterator[Row]:
    for name, value in found.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{name}.")
        else:
            yield [f"{path}{name}", value]
