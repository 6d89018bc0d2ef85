"""The messages of a claimed batch that may be handed over now, also by their clients' hours."""

import json
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, TypedDict

from vestnik.db import sql
from vestnik.dispatch.record.claims import Claim
from vestnik.dispatch.states import QUEUED
from vestnik.mailings.local_hours import LocalHours
from vestnik.mailings.rules import database_now
from vestnik.mailings.window import END_GUARD

# `mailing_id + 0` keeps the planner on the primary key: between two analyzes it takes a new mailing
# for small, and reads all of it by the other index to find these thousand.
LOAD = f"""
SELECT id AS message_id, phone_number, text, segments, attempts, text_version,
    doubted_attempt_id AS earlier_attempt
FROM dispatch_message
WHERE mailing_id + 0 = %s AND id BETWEEN %s AND %s AND state = '{QUEUED}'
    AND (next_attempt_at IS NULL OR next_attempt_at <= clock_timestamp())
ORDER BY id LIMIT %s
"""
NO_LIMIT = 2**31 - 1

# The zones of the clients as they are now, which may have been corrected since the batch was made.
ZONES = """
SELECT m.id, (SELECT timezone FROM audience_client WHERE id = m.client_id)
FROM dispatch_message m WHERE m.id = ANY(%s::bigint[])
"""

NEXT_RETRY = f"""
SELECT extract(epoch FROM min(next_attempt_at) - clock_timestamp())::float8 FROM dispatch_message
WHERE mailing_id + 0 = %s AND id BETWEEN %s AND %s AND state = '{QUEUED}'
    AND next_attempt_at IS NOT NULL
"""


class QueuedMessage(NamedTuple):
    """A message that may be handed over now."""

    message_id: int
    phone_number: str
    text: str | None
    segments: int
    attempts: int
    text_version: int = 1
    #: An earlier attempt that may have arrived.
    earlier_attempt: int | None = None


class OpenHours(TypedDict, total=False):
    """In which zones the clients' hours are open, and until when."""

    zones: Sequence[str]
    closes: datetime | None


class DueMessages(NamedTuple):
    """What of a batch may be handed over now, and in how many seconds the next of the others is
    due. With local hours only to clients of these zones, and until they close in one of them."""

    messages: list[QueuedMessage]
    next_retry: float | None
    zones: Sequence[str] | None = None
    closes: datetime | None = None
    #: Whether others of the batch are due as well, that were not read.
    more: bool = False

    @property
    def hours(self) -> OpenHours:
        """What the mark is to ask of a flight of these."""
        return {} if self.zones is None else {"zones": self.zones, "closes": self.closes}


def load_queued(batch: Claim, most: int = NO_LIMIT) -> tuple[list[QueuedMessage], float | None]:
    """The batch's messages that are due, and in how many seconds the next of the others is: None
    where there are none, or `most` are due."""
    bounds = [batch.mailing_id, batch.first_message_id, batch.last_message_id]
    messages = sql.prepared_rows_of(QueuedMessage, LOAD, [*bounds, most])
    if len(messages) in (batch.queued, most):
        return messages, None
    return messages, sql.value(NEXT_RETRY, bounds)


def load_due(batch: Claim, most: int = NO_LIMIT) -> DueMessages:
    """What of the batch may be handed over now, also by the hours of its clients; about `most`."""
    if batch.local_hours is None:
        messages, retry = load_queued(batch, most)
        return DueMessages(messages, retry, more=len(messages) == most < batch.queued)
    return _filter_open(batch, *load_queued(batch))


def _filter_open(
    batch: Claim, messages: Sequence[QueuedMessage], retry: float | None
) -> DueMessages:
    """Those of the messages whose clients' hours are open, by the zones of now."""
    if not messages:
        return DueMessages([], retry)
    hours = LocalHours.read(json.loads(batch.local_hours or "{}"))
    rows = sql.prepared_rows(ZONES, [[message.message_id for message in messages]])
    zone_of = {message: zone or batch.timezone for message, zone in rows}
    open_ones = open_zones(hours, {zone for zone in zone_of.values() if zone}, database_now())
    waits = [wait for wait in (open_ones.next_opening, retry) if wait is not None]
    return DueMessages(
        [message for message in messages if zone_of.get(message.message_id) in open_ones.zones],
        min(waits, default=None),
        open_ones.zones,
        open_ones.closes,
    )


class OpenZones(NamedTuple):
    """The zones in which the hours are open, until they close in the first of them, and in how
    many seconds they open in the first of the others."""

    zones: Sequence[str]
    closes: datetime | None
    next_opening: float | None


def open_zones(hours: LocalHours, zones: Collection[str], now: datetime) -> OpenZones:
    """In which of the zones messages may leave now: while `opens <= now < closes`, less the guard
    for the way to the receiving end."""
    guard = timedelta(seconds=END_GUARD)
    spans = {zone: hours.next_open(zone, now, guard) for zone in zones}
    open_ones = [zone for zone, (opens, _) in spans.items() if opens <= now]
    return OpenZones(
        open_ones,
        min((spans[zone][1] for zone in open_ones), default=None),
        min(((o - now).total_seconds() for o, _ in spans.values() if o > now), default=None),
    )
