"""Claiming a batch: a lease on up to 1,000 messages of a running mailing.

A lease has a deadline, renewed with each flight. A worker that dies leaves its lease to run out;
then the ids that were in flight become `unknown`, and the rest of the batch is claimed again.
"""

import json
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, TypedDict

import structlog

from vestnik.db import sql
from vestnik.dispatch.signals.metrics import counters
from vestnik.mailings.local_hours import LocalHours
from vestnik.mailings.rules import database_now
from vestnik.mailings.window import END_GUARD
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

log = structlog.get_logger(__name__)

# How much longer than a hand-over may take a lease lasts.
LEASE_MARGIN = 10.0

# The mailing whose virtual time is the least is next, see `turns`. Only differences count, so no
# clock is read: one that is new begins at the mean of the others, and none is further behind the
# first than `MOST_BEHIND` seconds and one turn, however long it was paused. What is claimed now
# counts as handed over. Of one mailing, the batch is next whose hours close first.
# Candidates are looked up without locks, a few for each running mailing, so the cost grows with
# those alone; of them one is taken that nobody else holds.
MOST_BEHIND, LONGEST_TURN = 1.0, 1.5
CLAIM = f"""
WITH claimed AS MATERIALIZED (
    SELECT mailing_id, count(*) AS n FROM dispatch_batch WHERE state = 'claimed' GROUP BY mailing_id
),
rated AS MATERIALIZED (
    SELECT m.id, coalesce((
        SELECT given.rate
        FROM unnest(%(mailings)s::bigint[], %(rates)s::float8[]) AS given (id, rate)
        WHERE given.id = m.id
    ), %(rate)s::float8) AS rate
    FROM mailings_mailing m
    WHERE m.state = 'running' AND m.provider = %(alias)s
        AND NOT m.id = ANY(%(resting)s::bigint[])
        AND m.ends_at > clock_timestamp() + interval '{END_GUARD} second'
),
running AS MATERIALIZED (
    SELECT r.id, r.rate, t.turn, t.virtual_time, coalesce(c.n, 0) * %(turn)s / r.rate AS under_way,
        greatest({LONGEST_TURN}, %(turn)s / r.rate) AS longest,
        %(new_first)s AND coalesce(t.served, 0) < %(new_below)s AS is_new
    FROM rated r
    LEFT JOIN dispatch_mailingturn t ON t.mailing_id = r.id
    LEFT JOIN claimed c ON c.mailing_id = r.id
),
bounded AS (
    SELECT coalesce(max(virtual_time) - max(longest) - {MOST_BEHIND}, 0) AS least FROM running
),
mean AS (SELECT coalesce(avg(greatest(virtual_time, least)), 0) AS virtual_time
    FROM running, bounded WHERE virtual_time IS NOT NULL),
candidates AS MATERIALIZED (
    SELECT b.id, m.rate, m.longest, now.virtual_time, row_number() OVER (
            ORDER BY m.is_new DESC, now.virtual_time + m.under_way, m.turn, m.id,
                b.open_until, b.number
        ) AS place
    FROM running m
    CROSS JOIN LATERAL (
        SELECT greatest(coalesce(m.virtual_time, mean.virtual_time), least) AS virtual_time
        FROM bounded, mean
    ) now
    CROSS JOIN LATERAL (
        SELECT r.id, r.open_until, r.number FROM dispatch_batch r
        WHERE r.mailing_id = m.id AND r.state = 'ready'
            AND (r.open_until IS NULL OR r.open_until > clock_timestamp())
        ORDER BY r.open_until, r.number LIMIT 32
    ) b
    ORDER BY place LIMIT 64
),
picked AS (
    SELECT b.id, candidates.rate, candidates.longest, candidates.virtual_time
    FROM dispatch_batch b JOIN candidates USING (id)
    WHERE b.state = 'ready' ORDER BY candidates.place LIMIT 1
    FOR UPDATE OF b SKIP LOCKED
)
UPDATE dispatch_batch b SET
    state = 'claimed', claim_id = %(claim)s, attempt_id = NULL,
    due_at = clock_timestamp() + %(lease)s * interval '1 second'
FROM picked, mailings_mailing m
WHERE b.id = picked.id AND m.id = b.mailing_id
RETURNING b.id, b.mailing_id, b.first_message_id, b.last_message_id, b.queued,
    m.text, m.rate_limit, m.segments, m.text_version, b.text_version,
    m.local_hours::text, b.timezone,
    picked.rate, picked.longest, picked.virtual_time
"""

# `mailing_id + 0` keeps the planner on the primary key: between two analyzes it takes a new mailing
# for small, and reads all of it by the other index to find these thousand.
LOAD = """
SELECT id, phone_number, text, segments, attempts, text_version, doubted_attempt_id
FROM dispatch_message
WHERE mailing_id + 0 = %s AND id BETWEEN %s AND %s AND state = 'queued'
    AND (next_attempt_at IS NULL OR next_attempt_at <= clock_timestamp())
ORDER BY id LIMIT %s
"""
NO_LIMIT = 2**31 - 1

# The zones of the clients as they are now, which may have been corrected since the batch was made.
ZONES = """
SELECT m.id, (SELECT timezone FROM audience_client WHERE id = m.client_id)
FROM dispatch_message m WHERE m.id = ANY(%s::bigint[])
"""

NEXT_RETRY = """
SELECT extract(epoch FROM min(next_attempt_at) - clock_timestamp())::float8 FROM dispatch_message
WHERE mailing_id + 0 = %s AND id BETWEEN %s AND %s AND state = 'queued'
    AND next_attempt_at IS NOT NULL
"""

# A claimed batch whose lease ran out: what was in flight is in doubt and keeps its attempt, so
# that its worker's own late word can still settle it; all else is ready again.
WORKER_STOPPED = Reason(Code.WORKER_STOPPED)
RESCUE_EXPIRED = """
WITH stale AS (
    SELECT id, attempt_id, in_flight
    FROM dispatch_batch WHERE state = 'claimed' AND due_at <= clock_timestamp()
    FOR UPDATE SKIP LOCKED
),
doubted AS (
    UPDATE dispatch_message m SET
        state = 'unknown', attempt_id = stale.attempt_id, attempts = least(m.attempts + 1, 32767),
        error = %s, reason = %s::jsonb
    FROM stale
    WHERE m.id = ANY(stale.in_flight) AND m.state = 'queued'
    RETURNING stale.id
),
counted AS (SELECT id, count(*) AS n FROM doubted GROUP BY id)
UPDATE dispatch_batch b SET
    claim_id = NULL, attempt_id = NULL, in_flight = '{}', due_at = clock_timestamp(),
    queued = b.queued - coalesce(counted.n, 0), unknown = b.unknown + coalesce(counted.n, 0),
    state = CASE WHEN b.queued > coalesce(counted.n, 0) THEN 'ready' ELSE 'done' END
FROM stale LEFT JOIN counted USING (id)
WHERE b.id = stale.id
RETURNING b.id, b.mailing_id, coalesce(counted.n, 0)
"""

PROMOTE_DUE = """
UPDATE dispatch_batch SET state = 'ready'
WHERE id IN (
    SELECT id FROM dispatch_batch WHERE state = 'waiting' AND due_at <= clock_timestamp()
    FOR UPDATE SKIP LOCKED
)
"""

NEXT_DUE = """
SELECT extract(epoch FROM min(b.due_at) - clock_timestamp())::float8
FROM mailings_mailing m
CROSS JOIN LATERAL (
    SELECT due_at FROM dispatch_batch w
    WHERE w.mailing_id = m.id AND w.state = 'waiting' ORDER BY due_at LIMIT 1
) b
WHERE m.state = 'running' AND m.provider = %s
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """A batch that is ours until its lease runs out."""

    alias: str
    claim_id: int
    #: Whether receipts will have to find the messages by the provider's ids.
    receipts: bool
    batch_id: int
    mailing_id: int
    first_message_id: int
    last_message_id: int
    queued: int
    text: str
    rate_limit: int | None
    segments: int
    #: Of `text`, and of the queued messages as far as the batch knows.
    text_version: int
    batch_text_version: int
    #: Of the mailing, as JSON.
    local_hours: str | None = None
    timezone: str | None = None
    #: Its fair share in messages a second, how long its turn may be, and its virtual time then.
    rate: float = 1.0
    longest_turn: float = LONGEST_TURN
    virtual_time: float = 0.0


@dataclass(frozen=True, slots=True)
class ClaimOrder:
    """In which order mailings are next: by the fair rate of each, and `rate` of others."""

    rates: Mapping[int, float] = field(default_factory=dict)
    rate: float = 1.0
    #: About how many messages one turn is.
    turn: int = 1
    #: Whether those go first that have handed over fewer than so many.
    new_first: bool = False
    new_below: int = 0


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


def new_id() -> int:
    """An id for a claim or an attempt: 63 random bits, so that no two are ever the same."""
    return secrets.randbits(63)


def claim(
    alias: str,
    lease: float,
    cooling_down: Collection[int] = (),
    *,
    receipts: bool = True,
    order: ClaimOrder | None = None,
) -> Claim | None:
    """Claim for `lease` seconds a ready batch of the running mailing of that provider that is next.

    Mailings in `resting` are passed over: they have no permits just now.
    """
    claim_id, order = new_id(), order or ClaimOrder()
    row = sql.prepared_row(
        CLAIM,
        {
            "alias": alias,
            "resting": list(cooling_down),
            "claim": claim_id,
            "lease": lease,
            "mailings": list(order.rates),
            "rates": list(order.rates.values()),
            "rate": order.rate,
            "turn": order.turn,
            "new_first": order.new_first,
            "new_below": order.new_below,
        },
    )
    return Claim(alias, claim_id, receipts, *row) if row else None


def load_queued(batch: Claim, most: int = NO_LIMIT) -> tuple[list[QueuedMessage], float | None]:
    """The batch's messages that are due, and in how many seconds the next of the others is: None
    where there are none, or `most` are due."""
    bounds = [batch.mailing_id, batch.first_message_id, batch.last_message_id]
    messages = list(map(QueuedMessage._make, sql.prepared_rows(LOAD, [*bounds, most])))
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


def rescue_expired() -> None:
    """Take back the leases that ran out."""
    for batch, mailing, doubted in sql.rows(
        RESCUE_EXPIRED, [WORKER_STOPPED.text, WORKER_STOPPED.json]
    ):
        counters().count("leases_lost", "")
        log.warning("lease lost", mailing=mailing, batch=batch, unknown=doubted)


def promote_due() -> int:
    """Make the waiting batches that are due ready again; how many."""
    return sql.run(PROMOTE_DUE)


def next_due(alias: str) -> float | None:
    """In how many seconds the first waiting batch of that provider is due; None without any."""
    wait: float | None = sql.value(NEXT_DUE, [alias])
    return wait
