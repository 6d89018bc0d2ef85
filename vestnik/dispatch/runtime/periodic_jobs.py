"""Runs periodic jobs in threads of each worker process and of `vestnik beat`.

No job passes the broker, so none piles up while workers are away, and the clocks of two hosts are
never compared (decision 0028). Intervals use the monotonic clock: a step of the wall clock neither
stops nor repeats a job. Any number of processes may run them side by side; a job that must not run
twice at once takes an advisory lock.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from django.db import DEFAULT_DB_ALIAS, connections

from vestnik.dispatch.signals.metrics import counters
from vestnik.outages import OutageLog

log = structlog.get_logger(__name__)

#: Seconds after which a run counts as hanging, for /readyz.
LONGEST_RUN = 60.0
#: Seconds between two heartbeats of `vestnik beat`.
HEARTBEAT_EVERY = 5.0


@dataclass
class Job:
    """A function and its interval in seconds."""

    name: str
    seconds: float
    run: Callable[[], object]
    outage: OutageLog = field(init=False)
    #: When the last run ended, failed or not; by the monotonic clock.
    ended: float = field(init=False, default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.outage = OutageLog(f"job failed: {self.name}")

    def attempt(self) -> None:
        """Run once. An error is logged and counted, and does not affect the next run."""
        try:
            self.run()
        except Exception as error:
            self.note_failure(error)
        else:
            self.outage.worked()
        finally:
            self.ended = time.monotonic()

    def note_failure(self, error: Exception) -> None:
        """Count a failed run, and log it unless the same was logged a moment ago."""
        counters().count("job_failures", self.name)
        self.outage.failed(error)


#: What is registered, by name.
jobs: dict[str, Job] = {}


def every(seconds: float, name: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Register a function to be run every `seconds` seconds, in a thread of its own."""

    def register(run: Callable[[], None]) -> Callable[[], None]:
        jobs[name] = Job(name, seconds, run)
        return run

    return register


def overdue_jobs() -> list[str]:
    """Return the names of the jobs that should have ended LONGEST_RUN seconds ago or earlier.

    Jobs with a longer interval are left out: deleting old rows may take minutes.
    """
    now = time.monotonic()
    often = [job for job in jobs.values() if job.seconds <= LONGEST_RUN]
    return [job.name for job in often if now - job.ended - job.seconds > LONGEST_RUN]


def start(stopping: threading.Event) -> list[threading.Thread]:
    """Start a thread for each registered job; they end once `stopping` is set."""
    threads = [
        threading.Thread(target=_repeat, args=[job, stopping], name=job.name, daemon=True)
        for job in jobs.values()
    ]
    for thread in threads:
        thread.start()
    return threads


def _repeat(job: Job, stopping: threading.Event) -> None:
    _take_own_connection()
    due = time.monotonic()
    while not stopping.wait(max(0.0, due - time.monotonic())):
        job.attempt()
        _close_if_unusable()
        # A run that took longer than the interval is followed by one run, not by all missed ones.
        due = max(due + job.seconds, time.monotonic())
    connections.close_all()


def _take_own_connection() -> None:
    """Give this thread a connection outside the process's pool; it stays open between runs.

    The Celery threads may hold all connections of the pool, and a job would wait for them
    (decision 0029).
    """
    own = connections[DEFAULT_DB_ALIAS].copy()
    options = own.settings_dict.get("OPTIONS", {})
    own.settings_dict["OPTIONS"] = {name: v for name, v in options.items() if name != "pool"}
    own.settings_dict["CONN_MAX_AGE"] = None
    connections[DEFAULT_DB_ALIAS] = own


def _close_if_unusable() -> None:
    """Close a broken connection, so that the next run opens a new one; never raise."""
    try:
        connections[DEFAULT_DB_ALIAS].close_if_unusable_or_obsolete()
    except Exception:
        log.exception("database connection could not be closed")
        _take_own_connection()
