"""Ends a worker that no longer consumes (decision 0036).

A Celery consumer can stop consuming after a reconnect while its process lives on (celery issues
8030, 9054, 10205). So each worker sends itself a heartbeat through the broker, by a queue of its
own. A worker whose heartbeats do not come back kills itself, and its supervisor starts another.
While every thread has a task no heartbeat can come back, so none is sent or counted.
"""

import os
import signal
import threading

import structlog
from celery import current_app
from celery.utils.nodenames import worker_direct
from celery.worker.state import active_requests

from vestnik.dispatch.signals import heartbeat

log = structlog.get_logger(__name__)

#: Seconds between two heartbeats.
HEARTBEAT_EVERY = 5.0
#: A minute without any heartbeat that came back.
MOST_UNANSWERED_HEARTBEATS = 12


class ConsumerWatchdog:
    """Sends and counts the heartbeats of one worker with `threads` threads."""

    def __init__(self, hostname: str, threads: int) -> None:
        self._hostname, self._threads = hostname, threads
        self._unanswered = self._busy_checks = 0

    def watch(self, stopping: threading.Event) -> None:
        """Check until the worker stops."""
        heartbeat.note_worker(self._hostname)
        while not stopping.wait(HEARTBEAT_EVERY):
            heartbeat.note_worker(self._hostname)
            self.check()

    def note_received(self) -> None:
        """Note that a task was received: this worker consumes."""
        self._unanswered = 0

    def check(self) -> None:
        """Send a heartbeat; kill the process if more than MOST_UNANSWERED_HEARTBEATS are
        missing."""
        if len(active_requests) >= self._threads:
            self._note_busy()
            return
        self._busy_checks = 0
        self._unanswered += self._send()
        if self._unanswered > MOST_UNANSWERED_HEARTBEATS:
            log.error("worker no longer consumes: it kills itself", worker=self._hostname)
            # SIGKILL: a consumer that hangs may also hang in Celery's orderly shutdown.
            os.kill(os.getpid(), signal.SIGKILL)

    def _note_busy(self) -> None:
        """Discard the count: with all threads busy, missing heartbeats say nothing."""
        self._unanswered = 0
        self._busy_checks += 1
        if self._busy_checks % MOST_UNANSWERED_HEARTBEATS == 0:
            seconds = self._busy_checks * HEARTBEAT_EVERY
            log.warning("all threads of the worker are busy", seconds=seconds)

    def _send(self) -> bool:
        try:
            current_app.send_task("vestnik.pulse", queue=worker_direct(self._hostname).name)
        except Exception:
            return False
        return True
