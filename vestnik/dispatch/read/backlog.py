"""The messages that are queued and those that are unknown, by partial indexes of open batches."""

from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef, QuerySet, Sum
from django.db.models.expressions import Combinable

from vestnik.audience.models import Client
from vestnik.db import sql
from vestnik.dispatch.models import Batch, Message
from vestnik.dispatch.states import CLAIMED, DONE, WAITING, MessageState
from vestnik.mailings.models import MailingState

# Only running mailings: finished ones are not read.
BY_PROVIDER = f"""
SELECT m.provider,
    coalesce(sum(b.queued - cardinality(b.in_flight)), 0)::bigint,
    coalesce(max(extract(epoch FROM clock_timestamp() - b.due_at))
        FILTER (WHERE b.state <> '{CLAIMED}'), 0)::float8
FROM mailings_mailing m JOIN dispatch_batch b ON b.mailing_id = m.id AND b.state <> '{DONE}'
WHERE m.state = '{MailingState.RUNNING}' AND m.ends_at > clock_timestamp()
    AND (b.state <> '{WAITING}' OR b.due_at <= clock_timestamp())
GROUP BY m.provider
"""
# The unknown messages of each provider, by the partial index of batches that have some.
IN_DOUBT = """
SELECT m.provider, sum(b.unknown)::bigint
FROM dispatch_batch b JOIN mailings_mailing m ON m.id = b.mailing_id
WHERE b.unknown > 0 GROUP BY m.provider
"""
# Paused and future mailings are left out: their rate is unknown.
BESIDE = f"""
SELECT m.id, m.rate_limit::float8, m.segments, m.ends_at, m.local_hours, b.timezone,
    sum(b.queued)::bigint AS waiting
FROM mailings_mailing m JOIN dispatch_batch b ON b.mailing_id = m.id AND b.state <> '{DONE}'
WHERE m.state = '{MailingState.RUNNING}' AND m.provider = %s AND m.ends_at > clock_timestamp()
    AND b.queued > 0 AND m.id IS DISTINCT FROM %s
GROUP BY m.id, b.timezone ORDER BY m.id, b.timezone
"""


def backlogs() -> list[tuple[str, int, float]]:
    """Return the providers of running mailings with the number of due messages and the seconds for
    which the oldest has been due."""
    return [(alias, count, seconds) for alias, count, seconds in sql.rows(BY_PROVIDER)]


def in_doubt() -> dict[str, int]:
    """Return how many messages of each provider are unknown."""
    return dict(sql.rows(IN_DOUBT))


class WaitingBeside(NamedTuple):
    """The number of waiting messages of a mailing in a time zone; `local_hours` is JSON."""

    id: int
    rate_limit: float | None
    segments: int
    ends_at: datetime
    local_hours: str | None
    timezone: str | None
    waiting: int


def waiting_beside(provider: str, mailing_id: int | None) -> list[WaitingBeside]:
    """Return the waiting messages of the provider's other running mailings, a row for each zone."""
    return sql.rows(BESIDE, [provider, mailing_id], of=WaitingBeside)


def waiting_by_zone(mailing: int | Combinable) -> QuerySet[Batch, Any]:
    """Return the zones of a mailing with local hours, each with the messages `left`."""
    waiting = Batch.objects.filter(mailing=mailing, queued__gt=0).exclude(timezone=None)
    return waiting.order_by().values("timezone").annotate(left=Sum("queued"))


def waiting_clients(mailing_id: int | None) -> QuerySet[Client]:
    """Return the clients whose message of the mailing still waits."""
    waiting = Message.objects.filter(
        mailing=mailing_id, client=OuterRef("id"), state=MessageState.QUEUED
    )
    return Client.objects.order_by().filter(Exists(waiting.order_by()))
