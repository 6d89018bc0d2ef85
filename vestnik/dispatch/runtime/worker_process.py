"""The state of a worker process: its event loop, its dispatchers and its watchdog."""

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

from vestnik.dispatch.receive.sink import DatabaseSink
from vestnik.dispatch.runtime import periodic_jobs
from vestnik.dispatch.runtime.consumer_watchdog import ConsumerWatchdog
from vestnik.dispatch.send.dispatcher import Dispatcher
from vestnik.dispatch.send.dispatcher_threads import dispatcher_threads
from vestnik.dispatch.send.provider_pool import ProviderPool
from vestnik.dispatch.signals.metrics import counters
from vestnik.providers.registry import aliases, describe

# The event loop keeps the interpreter busy while a thread waits to mark the next flight; Python's
# own 5 ms before it may have its turn were most of a flight's time.
SWITCH_INTERVAL = 0.0005
# Python looks for garbage after every 700 new objects, which a hundred hand-overs at once make
# several times: a tenth of a worker's time.
OBJECTS_BETWEEN_COLLECTIONS = 20_000

stopping = threading.Event()
_creation_lock = threading.RLock()
_dispatchers: dict[str, Dispatcher] = {}
_watchdog: ConsumerWatchdog | None = None


@cache
def _provider_pool() -> ProviderPool:
    return ProviderPool(DatabaseSink())


def provider_pool() -> ProviderPool:
    """Return the one provider pool of this process; the first call creates it."""
    with _creation_lock:
        return _provider_pool()


def dispatcher(alias: str) -> Dispatcher:
    """Return this process's dispatcher for a provider; the first call creates it."""
    with _creation_lock:
        if alias not in _dispatchers:
            _dispatchers[alias] = Dispatcher(alias, provider_pool(), stopping.is_set)
        return _dispatchers[alias]


def listen() -> None:
    """Receive receipts and STOP from the start of the process, not from its first flight: that one
    may go to a number which has just sent STOP."""
    for alias in aliases():
        if describe(alias).listens:
            provider_pool().listen(alias)


@task_received.connect
def reset_watchdog(**kwargs: Any) -> None:
    """A task came in: this worker consumes."""
    if _watchdog:
        _watchdog.note_received()


@worker_ready.connect
def start_watchdog(sender: Any, **kwargs: Any) -> None:
    """Watch the consumer of this worker from a thread of its own."""
    global _watchdog
    gc.collect()
    gc.freeze()  # half a million objects that live as long as the process: not to be looked at
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    sys.setswitchinterval(SWITCH_INTERVAL)
    threads = int(sender.controller.concurrency)
    dispatcher_threads().resize(threads)
    listen()
    periodic_jobs.start(stopping)
    _watchdog = ConsumerWatchdog(sender.hostname, threads)
    threading.Thread(target=_watchdog.watch, args=[stopping], name="watchdog", daemon=True).start()


@worker_shutting_down.connect
def stop_sending(**kwargs: Any) -> None:
    """Finish the flights that are out and mark no more."""
    stopping.set()


@worker_shutdown.connect
def shut_down(**kwargs: Any) -> None:
    """All tasks are over: say good-bye to the providers, and hand in what was counted."""
    for each in _dispatchers.values():
        each.finish()
    counters().flush()
    if _provider_pool.cache_info().currsize:
        provider_pool().close()
