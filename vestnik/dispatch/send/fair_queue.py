"""Start-time fair queuing: which mailing of a provider sends next (decision 0018).

Each mailing has a virtual time and a fair rate. The fair rate is what the mailing needs to finish
by its end plus an equal part of the rest (`mailings.fair_share`). Handing over n messages advances
the virtual time by n / rate seconds, and the mailing with the least virtual time is next. Virtual
times are in PostgreSQL, so all workers see the same ones. Each dispatcher computes the rates once a
second, so the rates of two workers may differ a little.

Every third turn serves the first messages of new mailings. So five messages do not wait for a
rotation of twenty mailings, and a stream of small mailings takes a third of the capacity at most.
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

#: Seconds after which the rates are computed again; earlier if a wake-up announces work.
REPLAN_EVERY = 1.0
#: The least seconds between two computations, and the least multiple of the time that the last one
#: took: hundreds of mailings that start together are announced one by one.
EARLIEST_REPLAN, REPLAN_COST_FACTOR = 0.05, 10.0
#: A turn is what a mailing gets in this number of seconds if others wait.
TURN_SECONDS = 1.0
#: Every NEW_EVERY-th turn is for new mailings: those that have handed over less than NEW_SECONDS
#: worth of the capacity, or fewer than NEW_AT_LEAST messages, and far less than another one.
NEW_EVERY, NEW_SECONDS, NEW_AT_LEAST = 3, 1.0, 5
#: Messages a second assumed for a provider without a rate limit until a rate is measured.
FIRST_CAPACITY = 1000.0

# The queued messages of running mailings, grouped by the time by which they must be handed over:
# the close of the local hours in the last 20 hours of the mailing, otherwise the mailing's end,
# since the hours open again before it. Waiting batches do not count: they cannot be claimed yet.
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

# A new mailing starts at the mean virtual time of those with queued messages; one that was paused
# for long counts as if it were at the bound. Rows are inserted in the order of their ids, as other
# workers may insert the same ones.
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
    """`queued` messages of a mailing that must be handed over within `seconds`."""

    mailing: int
    rate_limit: float | None
    segments: int
    #: Messages handed over so far; None for a mailing without a row in `dispatch_mailingturn`.
    served: float | None
    queued: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Backlog:
    """The queue of a mailing: `parts` are pairs of messages and seconds, the earliest first."""

    limit: float | None
    segments: int
    served: float
    parts: list[tuple[float, float]]

    @property
    def messages(self) -> float:
        return sum(queued for queued, _ in self.parts)

    @property
    def needed_rate(self) -> float:
        """The least rate in messages a second at which each part is handed over in time."""
        total = rate = 0.0
        for queued, seconds in self.parts:
            total += queued
            rate = max(rate, total / seconds)
        return rate


@dataclass(frozen=True, slots=True)
class Plan:
    """The fair rate of each mailing with queued messages, and the provider's capacity, both in
    messages a second; and the messages of a turn of each mailing."""

    capacity: float
    rates: Mapping[int, float]
    turns: Mapping[int, int]
    #: Assumed for a mailing that is not in the plan yet.
    rate_of_others: float
    turn_of_others: int


def make_plan(backlogs: Mapping[int, Backlog], capacity: float, least_turn: int = 1) -> Plan:
    """Share the capacity among the mailings; a turn has at least `least_turn` messages."""
    demands = [Demand(one.needed_rate, one.limit) for one in backlogs.values()]
    rates = fair_rates(capacity, demands) if demands else []
    others = capacity / (len(rates) + 1)
    *turns, turn = [max(least_turn, round(TURN_SECONDS * rate)) for rate in (*rates, others)]
    return Plan(
        capacity,
        dict(zip(backlogs, rates, strict=True)),
        dict(zip(backlogs, turns, strict=True)),
        others,
        turn,
    )


class FairQueue:
    """A dispatcher's plan of fair rates, shared by its threads."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._lock = threading.Lock()
        self._claims = count(1)
        #: A turn has at least the messages of one flight.
        self._least_turn = 1 if provider.max_rate else provider.window
        self._plan = make_plan({}, provider.max_rate or FIRST_CAPACITY, self._least_turn)
        #: Set by a wake-up: another mailing may have messages by now, so the plan is computed soon.
        self.has_news = False
        #: When the plan is computed again, and the earliest time for it.
        self._replan_at = self._earliest_replan_at = 0.0
        self._measured_at = -REPLAN_EVERY
        self._served: dict[int, float] = {}

    def claim_order(self, permits: int) -> ClaimOrder:
        """Return the order of the next claim, for a provider that granted `permits` messages."""
        plan = self.current_plan()
        return ClaimOrder(
            plan.rates,
            plan.rate_of_others,
            permits if self._provider.max_rate else plan.turn_of_others,
            new_first=next(self._claims) % NEW_EVERY == 0,
            new_below=max(NEW_AT_LEAST, round(NEW_SECONDS * plan.capacity)),
        )

    def current_plan(self) -> Plan:
        """Return the plan, computed again if it is due."""
        with self._lock:
            due_at = self._replan_at
            if self.has_news:
                due_at = min(due_at, self._earliest_replan_at)
            if time.monotonic() >= due_at:
                self._replan()
            return self._plan

    def _replan(self) -> None:
        began = time.monotonic()
        self.has_news = False  # before the reading: news that come meanwhile are for the next plan
        backlogs = read_backlogs(self._provider.alias)
        self._plan = make_plan(backlogs, self._capacity(backlogs), self._least_turn)
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
        """Return the messages a second that all workers together handed over since the last
        look."""
        now = time.monotonic()
        served = {mailing: one.served for mailing, one in backlogs.items()}
        done = sum(total - self._served.get(mailing, 0.0) for mailing, total in served.items())
        seconds, is_first = now - self._measured_at, not self._served
        if seconds < REPLAN_EVERY / 2:
            return self._plan.capacity
        self._measured_at, self._served = now, served
        return self._plan.capacity if is_first or done <= 0 else max(1.0, done / seconds)


def read_backlogs(alias: str) -> dict[int, Backlog]:
    """Return the queues of a provider's running mailings; new ones get a virtual time."""
    parts: defaultdict[int, list[tuple[float, float]]] = defaultdict(list)
    backlogs: dict[int, Backlog] = {}
    rows = sql.rows(READ_BACKLOGS, [alias], of=BacklogPart)
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
