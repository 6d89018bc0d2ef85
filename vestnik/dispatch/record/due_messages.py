"""Reads the messages of a claimed batch that may be handed over now, within their clients'
hours."""

import json
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from vestnik.db import sql
from vestnik.dispatch.record.claims import Claim
from vestnik.dispatch.states import QUEUED
from vestnik.mailings.local_hours import LocalHours
from vestnik.mailings.window import END_GUARD, database_now

# `mailing_id + 0` keeps the planner on the primary key. Until the next ANALYZE it takes a new
# mailing for a small one, and would read all of it by the index on `mailing_id` to find these 1,000
# rows.
LOAD = f"""
SELECT id AS message_id, phone_number, text, segments, attempts, text_version,
    doubted_attempt_id AS earlier_attempt
FROM dispatch_message
WHERE mailing_id + 0 = %s AND id BETWEEN %s AND %s AND state = '{QUEUED}'
    AND (next_attempt_at IS NULL OR next_attempt_at <= clock_timestamp())
ORDER BY id LIMIT %s
"""
#: The largest integer of PostgreSQL, as LIMIT.
NO_LIMIT = 2**31 - 1

# The clients' present time zones: they may have been corrected since the batch was enlisted.
ZONES = """
SELECT m.id, (SELECT timezone FROM audience_client WHERE id = m.client_id)
FROM dispatch_message m WHERE m.id = ANY(%s::bigint[])
"""

# The seconds until the first retry of the batch's messages is due.
NEXT_RETRY = f"""
SELECT extract(epoch FROM min(next_attempt_at) - clock_timestamp())::float8 FROM dispatch_message
WHERE mailing_id + 0 = %s AND id BETWEEN %s AND %s AND state = '{QUEUED}'
    AND next_attempt_at IS NOT NULL
"""


class QueuedMessage(NamedTuple):
    """A message of a claimed batch that is due."""

    message_id: int
    phone_number: str
    text: str | None
    segments: int
    attempts: int
    text_version: int = 1
    #: The id of an earlier attempt that may have arrived.
    earlier_attempt: int | None = None


class DueMessages(NamedTuple):
    """The messages of a batch that may be handed over now.

    `next_retry` is the number of seconds until the next of the other messages is due. With local
    hours, `zones` are the open time zones, and `closes` is when the first of them closes.
    """

    messages: list[QueuedMessage]
    next_retry: float | None
    zones: Sequence[str] | None = None
    closes: datetime | None = None
    #: Whether more messages of the batch are due than were read.
    more: bool = False


def load_queued(batch: Claim, most: int = NO_LIMIT) -> tuple[list[QueuedMessage], float | None]:
    """Return up to `most` due messages of the batch, and the seconds until the next one is due.

    The seconds are None if all messages are due, or `most` of them.
    """
    bounds = [batch.mailing_id, batch.first_message_id, batch.last_message_id]
    messages = sql.rows(LOAD, [*bounds, most], of=QueuedMessage, prepared=True)
    if len(messages) in (batch.queued, most):
        return messages, None
    return messages, sql.value(NEXT_RETRY, bounds)


def load_due(batch: Claim, most: int = NO_LIMIT) -> DueMessages:
    """Return about `most` messages of the batch that may be handed over now.

    With local hours all due messages are read: which of them are open is known only by their zones.
    """
    if batch.local_hours is None:
        messages, retry = load_queued(batch, most)
        return DueMessages(messages, retry, more=len(messages) == most < batch.queued)
    return _filter_open(batch, *load_queued(batch))


def _filter_open(
    batch: Claim, messages: Sequence[QueuedMessage], retry: float | None
) -> DueMessages:
    """Keep the messages whose clients' hours are open in their present time zones."""
    if not messages:
        return DueMessages([], retry)
    hours = LocalHours.read(json.loads(batch.local_hours or "{}"))
    rows = sql.rows(ZONES, [[message.message_id for message in messages]], prepared=True)
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
    """The open time zones, when the first of them closes, and the seconds until the next opens."""

    zones: Sequence[str]
    closes: datetime | None
    next_opening: float | None


def open_zones(hours: LocalHours, zones: Collection[str], now: datetime) -> OpenZones:
    """Return the zones in which messages may leave: while `opens <= now < closes - END_GUARD`.

    The guard is the time that a message may take to reach the provider.
    """
    guard = timedelta(seconds=END_GUARD)
    spans = {zone: hours.next_open(zone, now, guard) for zone in zones}
    open_ones = [zone for zone, (opens, _) in spans.items() if opens <= now]
    return OpenZones(
        open_ones,
        min((spans[zone][1] for zone in open_ones), default=None),
        min(((o - now).total_seconds() for o, _ in spans.values() if o > now), default=None),
    )
