"""Runs what is due every second, in threads of each worker process and of `vestnik beat`.

No message passes the broker for it: none piles up while workers are away, and the clocks of two
hosts are never compared. Intervals are of the monotonic clock, so a step of the wall clock neither
stops nor repeats anything. Any number of processes may do this side by side: a job that must not
run twice at once takes an advisory lock.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from django.db import connections

from vestnik.dispatch.meters import meters
from vestnik.outages import OutageLog

log = structlog.get_logger(__name__)


@dataclass
class Job:
    """A function and its interval in seconds."""

    name: str
    seconds: float
    run: Callable[[], object]
    outage: OutageLog = field(init=False)

    def __post_init__(self) -> None:
        self.outage = OutageLog(f"job failed: {self.name}")

    def attempt(self) -> None:
        """Run once. An error is logged and counted, and the next run is not affected."""
        try:
            self.run()
        except Exception as error:
            self.note_failure(error)
        else:
            self.outage.worked()

    def note_failure(self, error: Exception) -> None:
        """Count a failed run, and log it unless that was said a moment ago."""
        meters().count("job_failures", self.name)
        self.outage.failed(error)


_jobs: dict[str, Job] = {}


def every(seconds: float, name: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Register a function to be run every so many seconds, in a thread of its own."""

    def register(run: Callable[[], None]) -> Callable[[], None]:
        _jobs[name] = Job(name, seconds, run)
        return run

    return register


def start(stopping: threading.Event) -> list[threading.Thread]:
    """Start a thread for each registered job; they end once `stopping` is set."""
    threads = [
        threading.Thread(target=_repeat, args=[job, stopping], name=job.name, daemon=True)
        for job in _jobs.values()
    ]
    for thread in threads:
        thread.start()
    return threads


def _repeat(job: Job, stopping: threading.Event) -> None:
    due = time.monotonic()
    while not stopping.wait(max(0.0, due - time.monotonic())):
        job.attempt()
        connections.close_all()  # gives the connection back to the process's pool
        # What took longer than its interval is not made up for.
        due = max(due + job.seconds, time.monotonic())
