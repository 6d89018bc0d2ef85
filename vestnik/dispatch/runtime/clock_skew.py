"""How far the clocks of the hosts are from the database's, which is the one that the pipeline uses.

No decision rests on how far they are: that is for people and monitoring. A clock that is wrong
shows in logs, in what is signed for a gateway, and in what a browser is told of "now". One decision
rests on whether the database's clock has stepped: see `StepWatch`.
"""

import os
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

import redis

from vestnik.db import redis_client, sql
from vestnik.dispatch.runtime.periodic_jobs import every
from vestnik.dispatch.signals import heartbeat
from vestnik.outages import OutageLog
from vestnik.readiness import process_name

#: A clock further away is one that is wrong.
MOST_SECONDS = 1.0
BROKER = "broker"
NOW = "SELECT extract(epoch FROM clock_timestamp())::float8"
REMEDY = "synchronise the clocks of the hosts (chrony, systemd-timesyncd); mailings go on meanwhile"

_wrong = OutageLog("this host's clock is not the database's", REMEDY)
_broker_wrong = OutageLog("the clock of Redis is not the database's", REMEDY)


class WrongClock(Exception):
    """A clock is further from the database's than it should be."""


@dataclass(frozen=True, slots=True)
class ClockReading:
    """By how many seconds a clock is ahead of the database's, and how far that may be wrong: the
    answer was under way for some time."""

    ahead: float
    uncertainty: float

    @property
    def is_sharp(self) -> bool:
        """Whether the answer came so soon that the figure says something."""
        return 2 * self.uncertainty < MOST_SECONDS

    @property
    def is_wrong(self) -> bool:
        """Whether the clock is certainly further away than it should be."""
        return abs(self.ahead) - self.uncertainty > MOST_SECONDS

    def __str__(self) -> str:
        way = "ahead" if self.ahead >= 0 else "behind"
        return f"{abs(self.ahead):.1f} s {way}"


class StepWatch:
    """Notices that the database's clock steps, by the monotonic clock of this process.

    A step forward ends all leases at once, also those of workers that live: what is in flight then
    counts as unknown until its answer is recorded.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: Of the last look: the monotonic clock, and the database's.
        self._last: tuple[float, float] | None = None
        self._since = 0.0

    def steady_seconds(self) -> float:
        """Look, and say for how long this process knows the database's clock without a step."""
        with self._lock:
            before = time.monotonic()
            database = float(sql.value(NOW))
            now = time.monotonic()
            if self._has_stepped(now, database, now - before):
                self._since = now
            self._last = now, database
            return now - self._since

    def _has_stepped(self, now: float, database: float, uncertainty: float) -> bool:
        if self._last is None:
            return True
        last, then = self._last
        return abs((database - then) - (now - last)) > MOST_SECONDS + uncertainty


step_watch = StepWatch()


def measure_host() -> ClockReading:
    """This host's clock."""
    before = time.time()
    database = float(sql.value(NOW))
    after = time.time()
    return ClockReading((before + after) / 2 - database, abs(after - before) / 2)


def measure_broker(ours: ClockReading) -> ClockReading:
    """The clock of Redis, by way of ours. Raises RedisError where Redis is away."""
    before = time.time()
    seconds, microseconds = redis_client.client().time()
    after = time.time()
    ahead = seconds + microseconds / 1e6 - (before + after) / 2 + ours.ahead
    return ClockReading(ahead, abs(after - before) / 2 + ours.uncertainty)


def measure() -> ClockReading:
    """Measure both clocks, keep the figures for /readyz and /metrics, and log what is wrong."""
    step_watch.steady_seconds()
    ours = measure_host()
    _keep(_name(), ours, _wrong)
    with suppress(redis.RedisError):
        _keep(BROKER, measure_broker(ours), _broker_wrong)
    return ours


@every(10.0, "clock")
def measure_periodically() -> None:
    """In each worker, and in `vestnik beat`."""
    measure()


def _keep(whose: str, reading: ClockReading, outage: OutageLog) -> None:
    if reading.is_sharp:
        heartbeat.note_clock(whose, reading.ahead)
    if reading.is_wrong:
        outage.failed(WrongClock(str(reading)))
    else:
        outage.worked()


def _name() -> str:
    return f"{process_name(f'process-{os.getpid()}')}@{socket.gethostname()}"
