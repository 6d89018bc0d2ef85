"""Messages sent since midnight, and the backlog: from samples and open batches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings

from vestnik.db import sql
from vestnik.dispatch.read.backlog import backlogs
from vestnik.dispatch.states import LEFT_US
from vestnik.mailings.models import UNDER_WAY_SQL
from vestnik.mailings.price import price_of
from vestnik.mailings.window import RECEIPT_DAYS

LEFT = " + ".join(f"{{of}}.{state}::bigint" for state in LEFT_US)

# Two probes for each mailing of the last days.
GROWTH = f"""
WITH midnight AS (SELECT date_trunc('day', clock_timestamp(), %s) AS at)
SELECT m.provider, m.segments, last.sent - coalesce(before.sent, 0) AS sent,
    last.delivered - coalesce(before.delivered, 0) AS delivered
FROM midnight JOIN mailings_mailing m ON m.state IN {UNDER_WAY_SQL}
    OR m.finished_at > midnight.at - interval '{RECEIPT_DAYS} days'
CROSS JOIN LATERAL (
    SELECT {LEFT.format(of="s")} AS sent, s.delivered FROM reports_sample s
    WHERE s.mailing_id = m.id ORDER BY s.at DESC LIMIT 1
) last
LEFT JOIN LATERAL (
    SELECT {LEFT.format(of="s")} AS sent, s.delivered FROM reports_sample s
    WHERE s.mailing_id = m.id AND s.at < midnight.at ORDER BY s.at DESC LIMIT 1
) before ON true
WHERE m.started_at IS NOT NULL AND NOT m.is_test
"""


@dataclass(frozen=True, slots=True)
class Today:
    """Totals since midnight in the service's zone. `price` is None if no price is configured; a
    personalised text counts with its minimum of segments."""

    sent: int
    delivered: int
    segments: int
    price: str | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """The number of due messages, and the seconds that the oldest has waited."""

    due: int
    seconds: float


def today() -> Today:
    """Return today's totals by one query."""
    rows = sql.rows(GROWTH, [settings.TIME_ZONE])
    segments: dict[str, int] = {}
    for provider, each, sent, _ in rows:
        segments[provider] = segments.get(provider, 0) + each * max(sent, 0)
    return Today(
        sent=sum(max(sent, 0) for _, _, sent, _ in rows),
        delivered=sum(max(delivered, 0) for *_, delivered in rows),
        segments=sum(segments.values()),
        price=_price(segments),
    )


def backlog() -> Backlog:
    """Return the backlog of all providers by one query."""
    rows: Sequence[Any] = backlogs()
    return Backlog(
        sum(due for _, due, _ in rows), max((age for _, due, age in rows if due), default=0.0)
    )


def _price(segments: Mapping[str, int]) -> str | None:
    """Return the price as text, which can be serialized."""
    prices = [price_of(provider, count) for provider, count in segments.items()]
    known = [price for price in prices if price is not None]
    return str(sum(known, Decimal())) if known else None
