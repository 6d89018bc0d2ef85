"""Measures how far the clocks of the hosts and of Redis are from the database's clock.

The pipeline uses the database's clock alone; the differences are for operators and monitoring. A
wrong clock shows in logs, in requests signed for a gateway, and in the "now" of a page. One
decision depends on whether the database's clock was set: see `StepWatch`.
"""

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import redis

from vestnik.db import redis_client, sql
from vestnik.dispatch.runtime.periodic_jobs import every
from vestnik.dispatch.signals import heartbeat
from vestnik.outages import OutageLog
from vestnik.readiness import process_name

#: Seconds of difference from which a clock counts as wrong.
MOST_SECONDS = 1.0
BROKER = "broker"
# clock_timestamp() and not now(), which is the start of the transaction.
NOW = "SELECT extract(epoch FROM clock_timestamp())::float8"
REMEDY = "synchronise the clocks of the hosts (chrony, systemd-timesyncd); mailings go on meanwhile"

_wrong = OutageLog("this host's clock is not the database's", REMEDY)
_broker_wrong = OutageLog("the clock of Redis is not the database's", REMEDY)


class WrongClock(Exception):
    """A clock differs from the database's by more than MOST_SECONDS."""


@dataclass(frozen=True, slots=True)
class ClockReading:
    """By how many seconds a clock is ahead of the database's, with the error of the measurement.

    The error is half of the time that the database's answer took.
    """

    ahead: float
    uncertainty: float

    @property
    def is_sharp(self) -> bool:
        """Whether the measurement is exact enough to be shown."""
        return 2 * self.uncertainty < MOST_SECONDS

    @property
    def is_wrong(self) -> bool:
        """Whether the clock differs by more than MOST_SECONDS in any case."""
        return abs(self.ahead) - self.uncertainty > MOST_SECONDS

    def __str__(self) -> str:
        way = "ahead" if self.ahead >= 0 else "behind"
        return f"{abs(self.ahead):.1f} s {way}"


class StepWatch:
    """Detects that the database's clock was set, by the monotonic clock of this process.

    A step forward expires all leases at once, including those of live workers. What is in flight
    then counts as unknown until its outcome is recorded (decision 0181).
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock, self._clock = threading.Lock(), clock
        #: The monotonic clock and the database's clock at the last look.
        self._last: tuple[float, float] | None = None
        self._since = 0.0

    def steady_seconds(self) -> float:
        """Read the clock; return the seconds for which it is known to have run without a step."""
        with self._lock:
            before = self._clock()
            database = float(sql.value(NOW))
            now = self._clock()
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
    """Measure this host's clock."""
    before = time.time()
    database = float(sql.value(NOW))
    after = time.time()
    return ClockReading((before + after) / 2 - database, abs(after - before) / 2)


def measure_broker(ours: ClockReading) -> ClockReading:
    """Measure the clock of Redis against this host's, whose reading is `ours`.

    Raises RedisError if Redis does not answer.
    """
    before = time.time()
    seconds, microseconds = redis_client.client().time()
    after = time.time()
    ahead = seconds + microseconds / 1e6 - (before + after) / 2 + ours.ahead
    return ClockReading(ahead, abs(after - before) / 2 + ours.uncertainty)


def measure() -> ClockReading:
    """Measure both clocks, store the figures for /readyz and /metrics, and log a wrong clock."""
    step_watch.steady_seconds()
    ours = measure_host()
    _keep(clock_name(), ours, _wrong)
    with suppress(redis.RedisError):
        _keep(BROKER, measure_broker(ours), _broker_wrong)
    return ours


@every(10.0, "clock")
def measure_periodically() -> None:
    """Measure in each worker and in `vestnik beat`."""
    measure()


def _keep(whose: str, reading: ClockReading, outage: OutageLog) -> None:
    if reading.is_sharp:
        heartbeat.note_clock(whose, reading.ahead)
    if reading.is_wrong:
        outage.failed(WrongClock(str(reading)))
    else:
        outage.worked()


def clock_name() -> str:
    """Return the name under which this process keeps the reading of its host's clock."""
    return f"{process_name(f'process-{os.getpid()}')}@{socket.gethostname()}"
