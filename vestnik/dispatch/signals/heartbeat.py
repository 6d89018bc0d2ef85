"""Heartbeats: which workers run, when the scheduler ran last, how far the clocks differ.

They are keys in Redis with a time to live, so ages are measured by the clock of Redis. They are for
operators and monitoring: no decision of the pipeline depends on them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import redis

from vestnik.db import sql
from vestnik.db.redis_client import client
from vestnik.dispatch.signals.heartbeat_keys import BEAT, WORKER
from vestnik.dispatch.states import OPEN_SQL
from vestnik.mailings.models import MailingState
from vestnik.providers.registry import aliases, describe

CLOCK = "vestnik:clock:{}"
SCHEDULER = "vestnik:scheduler"
#: Seconds. A worker sets its key every five seconds, and counts for three intervals.
WORKER_TTL = 15
#: A day: the age of the last run is derived from the remaining time to live.
SCHEDULER_TTL = 86_400
#: Seconds. A clock is measured every ten seconds.
CLOCK_TTL = 60
#: Seconds after which a mailing that has not started counts as overdue; usually it takes 0.1 s.
OVERDUE_SECONDS = 5.0

SLOW_MARKS = "vestnik:slow-marks"
#: Seconds after which the last slow mark is no longer reported.
SLOW_MARKS_TTL = 15

# The number of overdue mailings, and the seconds of the oldest one.
OVERDUE = f"""
SELECT count(*), coalesce(max(extract(epoch FROM clock_timestamp() - starts_at)), 0)::float8
FROM mailings_mailing
WHERE state = '{MailingState.SCHEDULED}'
    AND starts_at < clock_timestamp() - %s * interval '1 second'
"""
# For how long the oldest message that could have been sent has waited, by provider. A message could
# have been sent since its batch was due, the mailing was resumed, and, with a rate limit, the
# message before it left. For the last, the two latest batches that were begun are read, at most
# 2,000 messages; all else uses partial indexes of what is open.
OLDEST_DUE = f"""
SELECT m.provider, max(greatest(0, extract(epoch FROM clock_timestamp()
    - greatest(b.due_at, resumed.at, paced.at))))::float8
FROM mailings_mailing m
CROSS JOIN LATERAL (
    SELECT min(due_at) AS due_at FROM dispatch_batch
    WHERE mailing_id = m.id AND state IN {OPEN_SQL} AND due_at <= clock_timestamp()
) b
CROSS JOIN LATERAL (
    SELECT max(at) AS at FROM mailings_mailingevent
    WHERE mailing_id = m.id AND event IN ('resume', 'reopen')
) resumed
CROSS JOIN LATERAL (
    SELECT max(sent_at) + coalesce(interval '1 second' / m.rate_limit, interval '0') AS at
    FROM (
        SELECT first_message_id, last_message_id FROM dispatch_batch
        WHERE mailing_id = m.id AND queued < size ORDER BY first_message_id DESC LIMIT 2
    ) begun JOIN dispatch_message message
        ON message.id BETWEEN begun.first_message_id AND begun.last_message_id
    WHERE m.rate_limit IS NOT NULL OR m.provider = ANY(%(paced)s)
) paced
WHERE m.state = '{MailingState.RUNNING}' AND m.ends_at > clock_timestamp() AND b.due_at IS NOT NULL
GROUP BY m.provider
UNION ALL
SELECT provider, max(extract(epoch FROM clock_timestamp() - starts_at))::float8
FROM mailings_mailing WHERE state = '{MailingState.SCHEDULED}' AND starts_at < clock_timestamp()
GROUP BY provider
"""


@dataclass(frozen=True)
class ProcessStatus:
    """The state of the processes behind the pages. Values are None while Redis is away."""

    workers: int | None
    #: Seconds since the scheduler ran last; None also if it has not run for a day.
    scheduler_age: float | None
    overdue_mailings: int
    overdue_seconds: float
    #: Seconds by which each clock is ahead of the database's, by process.
    clocks: Mapping[str, float] = field(default_factory=dict)
    #: Seconds for which the oldest message that could have been sent waits, also of a mailing that
    #: has not started.
    oldest_due_seconds: float = 0.0
    #: Seconds of the last mark after which nothing could leave in time; None if there was none.
    slow_marks: float | None = None

    @property
    def clock_skew(self) -> float | None:
        """The largest difference in seconds; None if no clock was measured."""
        return max(self.clocks.values(), key=abs, default=None)


def note_worker(name: str) -> None:
    """Note that a worker runs. Does nothing while Redis is away."""
    _set(WORKER.format(name), WORKER_TTL)


def note_beat(name: str) -> None:
    """Note that a process of `vestnik beat` runs its jobs. Does nothing while Redis is away."""
    _set(BEAT.format(name), WORKER_TTL)


def note_scheduler() -> None:
    """Note that the scheduler has run. Does nothing while Redis is away."""
    _set(SCHEDULER, SCHEDULER_TTL)


def note_clock(whose: str, ahead: float) -> None:
    """Note the seconds by which a clock is ahead of the database's. Does nothing while Redis is
    away."""
    _set(CLOCK.format(whose), CLOCK_TTL, f"{ahead:.3f}")


def note_slow_marks(seconds: float) -> None:
    """Note the seconds of a mark after which nothing left. Does nothing while Redis is away."""
    _set(SLOW_MARKS, SLOW_MARKS_TTL, f"{seconds:.1f}")


def slow_marks() -> float | None:
    """Return the seconds of the last such mark; None if there was none, or Redis is away."""
    try:
        found = client().get(SLOW_MARKS)
    except redis.RedisError:
        return None
    return None if found is None else float(found)


def read_status() -> ProcessStatus:
    """Return the present state, by two queries and a few requests to Redis."""
    count, seconds = sql.rows(OVERDUE, [OVERDUE_SECONDS])[0]
    oldest = max((age for _, age in oldest_due()), default=0.0)
    workers = count_workers()
    age, clocks = (None, {}) if workers is None else _age_and_clocks()
    slow = None if workers is None else slow_marks()
    return ProcessStatus(workers, age, count, seconds, clocks, oldest, slow)


def oldest_due() -> list[tuple[str, float]]:
    """Return pairs of provider and seconds for which its oldest sendable message has waited.

    A provider with mailings that have started and others that have not is listed twice.
    """
    paced = [alias for alias in aliases() if describe(alias).max_rate]
    rows = sql.rows(OLDEST_DUE, {"paced": paced})
    return [(provider, float(seconds)) for provider, seconds in rows]


def _age_and_clocks() -> tuple[float | None, dict[str, float]]:
    try:
        left, clocks = int(client().pttl(SCHEDULER)), _clocks()
    except redis.RedisError:
        return None, {}
    # If the clock of Redis was set back, the remaining time is longer than the whole time to live.
    return (max(0.0, SCHEDULER_TTL - left / 1000) if left > 0 else None), clocks


def _clocks() -> dict[str, float]:
    keys = [*client().scan_iter(CLOCK.format("*"), count=1000)]
    values = client().mget(keys) if keys else []
    prefix = CLOCK.format("")
    found = zip(keys, values, strict=True)
    return {key.removeprefix(prefix): float(value) for key, value in found if value is not None}


def count_workers() -> int | None:
    """Return the number of workers with a recent heartbeat; None while Redis is away."""
    try:
        return sum(1 for _ in client().scan_iter(WORKER.format("*"), count=1000))
    except redis.RedisError:
        return None


def _set(key: str, seconds: int, value: str = "1") -> None:
    try:
        client().set(key, value, ex=seconds)
    except redis.RedisError:
        return
