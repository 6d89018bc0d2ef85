"""Whose turn it is: how the mailings of one provider share it.

Start-time fair queuing. Each mailing has a virtual time and a fair rate, made of what it needs to
be through by its end and of an equal part of the rest (`mailings.fair_share`). What it hands over
moves its time ahead by the seconds that this takes at its rate; the one with the least is next. The
times are in PostgreSQL, so all workers see the same; the rates are worked out once a second by each
dispatcher, and may differ a little.

A mailing that is new gets its first messages in every third turn: so five messages do not wait for
a rotation of twenty mailings, and a stream of small mailings takes a third and no more.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

from vestnik.db import sql
from vestnik.dispatch.record.claims import ClaimOrder
from vestnik.dispatch.states import DONE, WAITING
from vestnik.dispatch.transitions.lease import LONGEST_TURN, MOST_BEHIND
from vestnik.mailings.fair_share import Demand, fair_rates
from vestnik.mailings.models import MailingState
from vestnik.providers.base import Provider

# The rates are read again after so many seconds, or once work is announced.
REPLAN_EVERY = 1.0
# Not sooner than so long, and a multiple of what reading took: hundreds of mailings that start
# together are announced one by one.
EARLIEST_REPLAN, REPLAN_COST_FACTOR = 0.05, 10.0
# A turn is what a mailing gets in so many seconds, if others wait.
TURN_SECONDS = 1.0
# Every so many turns one is for the first messages of new mailings: a second's worth of them.
NEW_EVERY, NEW_SECONDS, NEW_AT_LEAST = 3, 1.0, 5
# Assumed of a provider without a rate limit until something is measured.
FIRST_CAPACITY = 1000.0

# What is claimable or claimed, by the instant by which it must be through: its hours, unless they
# open again before the end.
READ_BACKLOGS = f"""
SELECT m.id AS mailing, m.rate_limit::float8 AS rate_limit, m.segments,
    max(t.served)::float8 AS served, sum(b.queued)::float8 AS queued,
    greatest(0.5, extract(epoch FROM d.until - clock_timestamp()))::float8 AS seconds
FROM mailings_mailing m
JOIN dispatch_batch b ON b.mailing_id = m.id AND b.state <> '{DONE}' AND b.state <> '{WAITING}'
LEFT JOIN dispatch_mailingturn t ON t.mailing_id = m.id
CROSS JOIN LATERAL (SELECT CASE WHEN b.open_until > m.ends_at - interval '20 hours'
    THEN least(b.open_until, m.ends_at) ELSE m.ends_at END AS until) d
WHERE m.state = '{MailingState.RUNNING}' AND m.provider = %s AND m.ends_at > clock_timestamp()
GROUP BY m.id, d.until ORDER BY m.id, d.until
"""

# One that is new begins at the mean of those that wait, the ones that were paused for long aside.
# Inserted in order: other workers may insert the same.
ADD_NEW = f"""
WITH running AS (
    SELECT m.id, t.virtual_time FROM mailings_mailing m
    LEFT JOIN dispatch_mailingturn t ON t.mailing_id = m.id
    WHERE m.state = '{MailingState.RUNNING}' AND m.provider = %s AND EXISTS (
        SELECT FROM dispatch_batch b
        WHERE b.mailing_id = m.id AND b.state <> '{DONE}' AND b.state <> '{WAITING}'
    )
),
bounded AS (SELECT max(virtual_time) - {MOST_BEHIND + LONGEST_TURN} AS least FROM running)
INSERT INTO dispatch_mailingturn (mailing_id, virtual_time, turn, served)
SELECT id, coalesce((
        SELECT avg(greatest(r.virtual_time, least)) FROM running r, bounded
        WHERE r.virtual_time IS NOT NULL
    ), 0), nextval('dispatch_turn'), 0
FROM running WHERE virtual_time IS NULL
ORDER BY id
ON CONFLICT DO NOTHING
"""


class BacklogPart(NamedTuple):
    """So many queued messages of a mailing that must be through within so many seconds."""

    mailing: int
    rate_limit: float | None
    segments: int
    #: None where the mailing has no turn yet.
    served: float | None
    queued: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a mailing has to hand over: so many messages within so many seconds, the first first."""

    limit: float | None
    segments: int
    served: float
    parts: list[tuple[float, float]]

    @property
    def messages(self) -> float:
        return sum(queued for queued, _ in self.parts)

    @property
    def needed_rate(self) -> float:
        """The rate at which each part is through in time."""
        total = rate = 0.0
        for queued, seconds in self.parts:
            total += queued
            rate = max(rate, total / seconds)
        return rate


@dataclass(frozen=True, slots=True)
class Plan:
    """The fair rate of each mailing that waits, and what all of them are handed over at."""

    rates: Mapping[int, float]
    capacity: float

    @property
    def rate_of_others(self) -> float:
        """Of a mailing that has begun to wait since."""
        return self.capacity / (len(self.rates) + 1)


def make_plan(backlogs: Mapping[int, Backlog], capacity: float) -> Plan:
    """Share the capacity."""
    demands = [Demand(one.needed_rate, one.limit) for one in backlogs.values()]
    rates = fair_rates(capacity, demands) if demands else []
    return Plan(dict(zip(backlogs, rates, strict=True)), capacity)


class FairQueue:
    """A dispatcher's view of whose turn it is, shared by its threads."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._lock = threading.Lock()
        self._claims = count(1)
        self._plan = Plan({}, provider.max_rate or FIRST_CAPACITY)
        #: When the plan is made again, and when it may be at the earliest.
        self._replan_at = self._earliest_replan_at = 0.0
        self._measured_at = -REPLAN_EVERY
        self._served: dict[int, float] = {}

    def replan_soon(self) -> None:
        """Somebody else may have begun to wait: look again soon."""
        self._replan_at = min(self._replan_at, self._earliest_replan_at)

    def claim_order(self, permits: int) -> ClaimOrder:
        """In which order mailings are next to be claimed, with permits for so many messages."""
        now = self.current_plan()
        return ClaimOrder(
            now.rates,
            now.rate_of_others,
            permits if self._provider.max_rate else self._turn_size(now.rate_of_others),
            new_first=next(self._claims) % NEW_EVERY == 0,
            new_below=max(NEW_AT_LEAST, round(NEW_SECONDS * now.capacity)),
        )

    def turn_left(self, mailing: int, served: int) -> int | None:
        """How many messages are left of a turn in which so many were handed over; None where nobody
        else waits."""
        now = self.current_plan()
        if not now.rates.keys() - {mailing}:
            return None
        return self._turn_size(now.rates.get(mailing, now.rate_of_others)) - served

    def _turn_size(self, rate: float) -> int:
        """Messages of a turn: never less than are handed over at once."""
        least = 1 if self._provider.max_rate else self._provider.window
        return max(least, round(TURN_SECONDS * rate))

    def current_plan(self) -> Plan:
        """The plan of now, or of a moment ago."""
        with self._lock:
            if time.monotonic() >= self._replan_at:
                self._replan()
            return self._plan

    def _replan(self) -> None:
        began = time.monotonic()
        backlogs = read_backlogs(self._provider.alias)
        self._plan = make_plan(backlogs, self._capacity(backlogs))
        now = time.monotonic()
        self._replan_at = now + REPLAN_EVERY
        self._earliest_replan_at = now + max(EARLIEST_REPLAN, REPLAN_COST_FACTOR * (now - began))

    def _capacity(self, backlogs: Mapping[int, Backlog]) -> float:
        if not self._provider.max_rate:
            return self._measure_capacity(backlogs)
        if self._provider.paced_by == "message":
            return self._provider.max_rate
        return self._provider.max_rate / _mean_segments(backlogs.values())

    def _measure_capacity(self, backlogs: Mapping[int, Backlog]) -> float:
        """What all workers together have handed over a second since the last look."""
        now = time.monotonic()
        served = {mailing: one.served for mailing, one in backlogs.items()}
        done = sum(total - self._served.get(mailing, 0.0) for mailing, total in served.items())
        seconds, is_first = now - self._measured_at, not self._served
        if seconds < REPLAN_EVERY / 2:
            return self._plan.capacity
        self._measured_at, self._served = now, served
        return self._plan.capacity if is_first or done <= 0 else max(1.0, done / seconds)


def read_backlogs(alias: str) -> dict[int, Backlog]:
    """What the running mailings of a provider have to hand over; new ones get their place."""
    parts: defaultdict[int, list[tuple[float, float]]] = defaultdict(list)
    backlogs: dict[int, Backlog] = {}
    rows = sql.rows_of(BacklogPart, READ_BACKLOGS, [alias])
    if any(row.served is None for row in rows):
        sql.run(ADD_NEW, [alias])
    for row in rows:
        own = parts[row.mailing]
        own.append((row.queued, row.seconds))
        backlogs[row.mailing] = Backlog(row.rate_limit, row.segments, row.served or 0.0, own)
    return backlogs


def _mean_segments(backlogs: Collection[Backlog]) -> float:
    messages = sum(one.messages for one in backlogs)
    return sum(one.messages * one.segments for one in backlogs) / messages if messages else 1.0
