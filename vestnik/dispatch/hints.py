"""Hints: "look at this mailing". Losing, doubling or delaying one changes nothing.

Published from a thread of their own, so that a broker that is slow or away never delays or fails
whoever gave the hint. The tick finds what a lost hint would have pointed to.

A hint says nothing of time: who gives it and who takes it may be on two hosts, whose clocks differ.
One that is to come a moment later waits here, by the monotonic clock. While workers are away the
queue does not grow beyond `MOST_QUEUED`: whoever comes back is through with it in a moment.
"""

import heapq
import itertools
import queue
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, partial

import redis
from django.conf import settings
from django.db import transaction

from vestnik.celery import app
from vestnik.outages import OutageLog

MOST_PENDING = 1000
MOST_QUEUED = 500
#: How often the queue's length is looked at.
LOOKED_EVERY = 0.2

_numbers = itertools.count()


@dataclass(order=True, slots=True)
class Hint:
    """In the order in which they are due; of those that are due together the first given first."""

    due: float
    task: str = field(compare=False)
    arguments: tuple[object, ...] = field(compare=False)
    number: int = field(default_factory=lambda: next(_numbers))


_pending: queue.Queue[Hint] = queue.Queue(MOST_PENDING)
_starting = threading.Lock()
_publisher: threading.Thread | None = None
_outage = OutageLog(
    "the broker takes no messages",
    "see that Redis runs, may write to its disk and has memory left; nothing is lost meanwhile",
)
_unread = OutageLog(
    "no worker takes the hints that are queued",
    "start workers, or see why they take none; nothing is lost meanwhile",
)


def look_at(mailing_id: int) -> None:
    """Once the transaction is committed: have a worker look whether the mailing is due."""
    transaction.on_commit(partial(give, "vestnik.look_at", mailing_id))


def call_to_work(alias: str, hands: int = 4) -> None:
    """Have workers look for batches of that provider; a worker with enough of it ignores it."""
    for _ in range(hands):
        give("vestnik.work", alias)


def give(task: str, *arguments: object, after: float = 0.0) -> None:
    """Hint now, or `after` so many seconds (under two: a process that ends forgets it)."""
    try:
        _pending.put_nowait(Hint(time.monotonic() + after, task, arguments))
    except queue.Full as error:
        _outage.failed(error)
        return
    _ensure_publisher()


def _ensure_publisher() -> None:
    global _publisher
    with _starting:
        if _publisher is None or not _publisher.is_alive():
            _publisher = threading.Thread(target=_publish_forever, name="hints", daemon=True)
            _publisher.start()


def _publish_forever() -> None:
    waiting: list[Hint] = []
    while True:
        if waiting and waiting[0].due <= time.monotonic():
            _publish(heapq.heappop(waiting))
            continue
        with suppress(queue.Empty):
            heapq.heappush(waiting, _pending.get(timeout=_seconds_to(waiting)))


def _seconds_to(waiting: list[Hint]) -> float | None:
    """Until the first of those that wait is due; None where none waits."""
    return max(0.0, waiting[0].due - time.monotonic()) if waiting else None


def _publish(hint: Hint) -> None:
    try:
        if not _queue.is_full():
            app.send_task(hint.task, hint.arguments)
    except Exception as error:
        _outage.failed(error)
    else:
        _outage.worked()


class NobodyTakes(Exception):
    """The queue is as long as it may be."""


class _Queue:
    """How long the queue was a moment ago. For the publisher's thread alone."""

    def __init__(self) -> None:
        self._looked_at = -LOOKED_EVERY
        self._full = False

    def is_full(self) -> bool:
        """Whether nothing more is to be added. Raises what the client raises."""
        now = time.monotonic()
        if now - self._looked_at >= LOOKED_EVERY:
            length = int(_client().llen(settings.CELERY_TASK_DEFAULT_QUEUE))
            self._looked_at, self._full = now, length >= MOST_QUEUED
            if self._full:
                _unread.failed(NobodyTakes(f"{length} are queued"))
            else:
                _unread.worked()
        return self._full


_queue = _Queue()


@cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
