"""The state of a worker process: its event loop, its dispatchers and its watchdog.

A Celery consumer can stop consuming after a reconnect while its process lives on (celery issues
8030, 9054, 10205). So each worker sends itself a heartbeat through the broker,
by a queue of its own. A worker whose heartbeats do not come back ends itself, and its supervisor
starts another.
"""

import gc
import os
import signal
import sys
import threading
from functools import cache
from typing import Any

import structlog
from celery import current_app
from celery.signals import (
    task_received,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)
from celery.utils.nodenames import worker_direct
from kombu import Queue

from vestnik.dispatch.receive.sink import DatabaseSink
from vestnik.dispatch.runtime import periodic_jobs
from vestnik.dispatch.send.dispatcher import Dispatcher
from vestnik.dispatch.send.dispatcher_threads import dispatcher_threads
from vestnik.dispatch.send.provider_pool import ProviderPool
from vestnik.dispatch.signals import heartbeat
from vestnik.dispatch.signals.metrics import counters
from vestnik.providers.registry import aliases, describe

log = structlog.get_logger(__name__)

HEARTBEAT_EVERY = 5.0
MOST_UNANSWERED_HEARTBEATS = 12
# The event loop keeps the interpreter busy while a thread waits to mark the next flight; Python's
# own 5 ms before it may have its turn were most of a flight's time.
SWITCH_INTERVAL = 0.0005
# Python looks for garbage after every 700 new objects, which a hundred hand-overs at once make
# several times: a tenth of a worker's time.
OBJECTS_BETWEEN_COLLECTIONS = 20_000

stopping = threading.Event()
_creation_lock = threading.RLock()
_dispatchers: dict[str, Dispatcher] = {}
_unanswered = 0


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
    global _unanswered
    _unanswered = 0


@worker_ready.connect
def start_watchdog(sender: Any, **kwargs: Any) -> None:
    """Watch the consumer of this worker from a thread of its own."""
    gc.collect()
    gc.freeze()  # half a million objects that live as long as the process: not to be looked at
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    sys.setswitchinterval(SWITCH_INTERVAL)
    if pool_size := getattr(getattr(sender, "controller", None), "concurrency", None):
        dispatcher_threads().resize(int(pool_size))
    listen()
    periodic_jobs.start(stopping)
    threading.Thread(
        target=_run_watchdog, args=[sender.hostname], name="watchdog", daemon=True
    ).start()


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


def _run_watchdog(hostname: str) -> None:
    global _unanswered
    heartbeat.note_worker(hostname)
    while not stopping.wait(HEARTBEAT_EVERY):
        heartbeat.note_worker(hostname)
        _unanswered += _send_heartbeat(worker_direct(hostname))
        if _unanswered > MOST_UNANSWERED_HEARTBEATS:
            log.error("worker is deaf: it ends itself", worker=hostname)
            os.kill(os.getpid(), signal.SIGKILL)


def _send_heartbeat(queue: Queue) -> bool:
    try:
        current_app.send_task("vestnik.pulse", queue=queue.name)
    except Exception:
        return False
    return True
