"""A worker process: its provider pool, its dispatchers and its watchdog."""

import gc
import sys
import threading
from functools import cache
from typing import Any

from celery.signals import (
    task_received,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)

from vestnik.dispatch.prepare import enlist_queue
from vestnik.dispatch.receive.sink import DatabaseSink
from vestnik.dispatch.runtime import periodic_jobs
from vestnik.dispatch.runtime.consumer_watchdog import ConsumerWatchdog
from vestnik.dispatch.send.dispatcher import Dispatcher, DispatcherThreads, share_of
from vestnik.dispatch.send.provider_pool import ProviderPool
from vestnik.dispatch.signals.metrics import counters
from vestnik.providers.registry import aliases, describe

# Seconds after which a thread gives up the interpreter. The event loop keeps it busy while a thread
# waits to mark the next flight; Python's default of 5 ms was most of a flight's time.
SWITCH_INTERVAL = 0.0005
# By default Python collects garbage after every 700 new objects. A hundred hand-overs at once
# create several times as many, which took a tenth of a worker's time.
OBJECTS_BETWEEN_COLLECTIONS = 20_000


class WorkerProcess:
    """One worker process: its provider pool, its dispatchers, and whether it is stopping."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self.is_stopping = self._stopping.is_set
        self._creation_lock = threading.RLock()
        self._pool: ProviderPool | None = None
        self._dispatchers: dict[str, Dispatcher] = {}
        self._dispatcher_threads = DispatcherThreads()
        self.watchdog: ConsumerWatchdog | None = None

    @property
    def provider_pool(self) -> ProviderPool:
        """Return the provider pool; the first call creates it."""
        with self._creation_lock:
            if self._pool is None:
                self._pool = ProviderPool(DatabaseSink())
            return self._pool

    def dispatcher(self, alias: str) -> Dispatcher:
        """Return the dispatcher of a provider; the first call creates it."""
        with self._creation_lock:
            if alias not in self._dispatchers:
                self._dispatchers[alias] = Dispatcher(
                    alias, self.provider_pool, self.is_stopping, self._dispatcher_threads
                )
            return self._dispatchers[alias]

    def start(self, hostname: str, threads: int) -> None:
        """Start to receive from providers, to run periodic jobs and to watch the consumer."""
        self._dispatcher_threads.resize(threads)
        enlist_queue.threads.resize(enlist_share_of(threads))
        self._listen()
        periodic_jobs.start(self._stopping)
        self.watchdog = ConsumerWatchdog(hostname, threads)
        threading.Thread(
            target=self.watchdog.watch, args=[self._stopping], name="watchdog", daemon=True
        ).start()

    def stop(self) -> None:
        """Mark no further flight; those in flight are finished."""
        self._stopping.set()

    def close(self) -> None:
        """Wait for late answers, flush the counters and close the connections, after all tasks."""
        for each in self._dispatchers.values():
            each.finish()
        counters().flush()
        if self._pool is not None:
            self._pool.close()

    def note_task(self) -> None:
        """Note that a task was received: this worker consumes."""
        if self.watchdog:
            self.watchdog.note_received()

    def _listen(self) -> None:
        """Receive receipts and STOP from the start of the process.

        Connecting with the first flight would be too late: it may go to a number whose STOP waits.
        """
        for alias in aliases():
            if describe(alias).listens:
                self.provider_pool.listen(alias)


def enlist_share_of(threads: int) -> int:
    """Return how many of a process's threads may enlist.

    From five threads on, dispatchers and enlisting leave one: it launches, closes and polls.
    """
    return max(1, threads - share_of(threads) - 1)


@cache
def this_worker() -> WorkerProcess:
    """Return the object of this process, for tasks and for Celery's signals."""
    return WorkerProcess()


@task_received.connect
def note_task(**_signal: object) -> None:
    this_worker().note_task()


@worker_ready.connect
def start(sender: Any, **_signal: object) -> None:
    """Tune the interpreter for this process, and start its threads."""
    gc.collect()
    # Half a million objects of imported modules live as long as the process: never collect them.
    gc.freeze()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    sys.setswitchinterval(SWITCH_INTERVAL)
    this_worker().start(sender.hostname, int(sender.controller.concurrency))


@worker_shutting_down.connect
def stop(**_signal: object) -> None:
    this_worker().stop()


@worker_shutdown.connect
def close(**_signal: object) -> None:
    this_worker().close()
