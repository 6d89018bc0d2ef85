"""Wake-ups: "look at this mailing". Losing, doubling or delaying one changes nothing.

Published from a thread of their own, so that a broker that is slow or away never delays or fails
its caller. The scheduler finds what a lost wake-up would have pointed to.

A wake-up carries no time: publisher and consumer may be on two hosts, whose clocks differ.
One that is to come a moment later waits here, by the monotonic clock. While workers are away the
queue does not grow beyond `MOST_QUEUED`, so a worker that returns works through it in a moment.

Equal wake-ups that wait at the same time are sent once: each is on record in Redis until a worker
takes it. The record ends by itself after `WAITS_SECONDS`, so a lost wake-up is sent again.
"""

import heapq
import itertools
import queue
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import redis
from celery import current_app
from django.conf import settings
from django.db import transaction

from vestnik.db import redis_client, sql
from vestnik.dispatch.signals.metrics import counters
from vestnik.dispatch.states import READY
from vestnik.mailings.models import MailingState
from vestnik.outages import OutageLog
from vestnik.providers.registry import aliases, describe

# How many batches are ready, as far as that makes a difference.
READY_BATCHES = f"""
SELECT provider, (
    SELECT count(*) FROM (
        SELECT FROM dispatch_batch b WHERE b.mailing_id = m.id AND b.state = '{READY}' LIMIT %s
    ) AS ready
)
FROM mailings_mailing m WHERE id = %s AND state = '{MailingState.RUNNING}'
"""
#: With so many batches ready some were ready before: dispatchers are at them.
MANY_READY = 21
MOST_DISPATCHERS = 4

MOST_PENDING = 5000
MOST_QUEUED = 1000
#: Seconds for which a wake-up counts as pending unless a worker takes it.
PENDING_SECONDS = 2.0
PENDING_KEY = "vestnik:hint:{}:{}"
# Adds one of a kind, unless so many wait.
ADD = """
local waiting = redis.call('INCR', KEYS[1])
if waiting > tonumber(ARGV[1]) then
    redis.call('DECR', KEYS[1])
    return 0
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""
TAKE = """
if tonumber(redis.call('GET', KEYS[1]) or 0) > 0 then redis.call('DECR', KEYS[1]) end
"""
TRACKED_TASKS = ("vestnik.look_at", "vestnik.work", "vestnik.ask")
#: How often the queue's length is looked at.
QUEUE_CHECK_EVERY = 0.2

_numbers = itertools.count()


@dataclass(order=True, slots=True)
class Wakeup:
    """In the order in which they are due; of those that are due together the first given first."""

    due: float
    task: str = field(compare=False)
    arguments: tuple[object, ...] = field(compare=False)
    #: How many equal wake-ups may wait at the same time.
    most: int = field(compare=False)
    #: Not one that is to come later.
    is_counted: bool = field(compare=False)
    number: int = field(default_factory=lambda: next(_numbers))

    @property
    def key(self) -> str:
        return PENDING_KEY.format(self.task, ",".join(map(str, self.arguments)))


class _Unpublished:
    """Counts the wake-ups of this process that are not published yet."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, wakeup: Wakeup) -> bool:
        """Whether it is not one too many."""
        with self._lock:
            if wakeup.is_counted and self._counts[wakeup.key] >= wakeup.most:
                return False
            self._counts[wakeup.key] += wakeup.is_counted
            return True

    def remove(self, wakeup: Wakeup) -> None:
        with self._lock:
            self._counts[wakeup.key] -= wakeup.is_counted
            if not self._counts[wakeup.key]:
                del self._counts[wakeup.key]


_pending: queue.Queue[Wakeup] = queue.Queue(MOST_PENDING)
_unpublished = _Unpublished()
_publisher_lock = threading.Lock()
_publisher: threading.Thread | None = None
_outage = OutageLog(
    "the broker takes no messages",
    "see that Redis runs, may write to its disk and has memory left; nothing is lost meanwhile",
)
_overflow = OutageLog(
    "wake-ups come faster than they can be published",
    "nothing is lost: what they point to is looked for each second",
)
_unconsumed = OutageLog(
    "no worker takes the wake-ups that are queued",
    "start workers, or see why they take none; nothing is lost meanwhile",
)


def wake_for(mailing_id: int) -> None:
    """Once the transaction is committed: have a worker look whether the mailing is due."""
    transaction.on_commit(partial(publish, "vestnik.look_at", mailing_id))


def wake_dispatchers(alias: str, dispatchers: int = MOST_DISPATCHERS) -> None:
    """Have workers look for batches of that provider; a worker with enough of it ignores it. One
    is enough for a rate-limited provider."""
    dispatchers = 1 if alias in aliases() and describe(alias).max_rate else dispatchers
    for _ in range(dispatchers):
        publish("vestnik.work", alias, most=dispatchers)


def wake_dispatchers_for(mailing_id: int) -> None:
    """Have workers send what is ready of a mailing, if there is something.

    One for each batch; but one alone where so much is ready that they are at work, since receiving
    a wake-up costs a worker 3 to 4 ms.
    """
    for alias, ready in sql.rows(READY_BATCHES, [MANY_READY, mailing_id]):
        if ready:
            wake_dispatchers(alias, min(ready, MOST_DISPATCHERS) if ready < MANY_READY else 1)


def publish(task: str, *arguments: object, after: float = 0.0, most: int = 1) -> None:
    """Publish a wake-up, now or `after` so many seconds (under two: a process that ends loses it),
    unless `most` equal ones are waiting already."""
    wakeup = Wakeup(time.monotonic() + after, task, arguments, most, is_counted=not after)
    if not _unpublished.add(wakeup):
        return
    try:
        _pending.put_nowait(wakeup)
    except queue.Full as error:
        _unpublished.remove(wakeup)
        _overflow.failed(error)
        return
    _ensure_publisher()


def mark_taken(task: str, arguments: Sequence[object]) -> None:
    """Record that a worker has taken the wake-up: an equal one may be sent from now on."""
    if task not in TRACKED_TASKS:
        return
    with suppress(redis.RedisError):
        key = PENDING_KEY.format(task, ",".join(map(str, arguments)))
        redis_client.run_script(TAKE, [key])


def _ensure_publisher() -> None:
    global _publisher
    with _publisher_lock:
        if _publisher is None or not _publisher.is_alive():
            _publisher = threading.Thread(target=_publish_forever, name="wakeups", daemon=True)
            _publisher.start()


def _publish_forever() -> None:
    waiting: list[Wakeup] = []
    while True:
        if waiting and waiting[0].due <= time.monotonic():
            _send(heapq.heappop(waiting))
            continue
        with suppress(queue.Empty):
            wakeup = _pending.get(timeout=_seconds_to(waiting))
            _unpublished.remove(wakeup)
            heapq.heappush(waiting, wakeup)


def _seconds_to(waiting: list[Wakeup]) -> float | None:
    """Until the first of those that wait is due; None where none waits."""
    return max(0.0, waiting[0].due - time.monotonic()) if waiting else None


def _send(wakeup: Wakeup) -> None:
    try:
        if not _queue_length.is_full() and _is_not_redundant(wakeup):
            current_app.send_task(wakeup.task, wakeup.arguments)
            counters().count("hints", wakeup.task.removeprefix("vestnik."))
    except Exception as error:
        _outage.failed(error)
    else:
        _outage.worked()


def _is_not_redundant(wakeup: Wakeup) -> bool:
    """Whether fewer than it may be of the same wait to be taken."""
    if wakeup.task not in TRACKED_TASKS:
        return True
    limits = [wakeup.most, int(PENDING_SECONDS * 1000)]
    return bool(redis_client.run_script(ADD, [wakeup.key], limits))


class QueueTooLong(Exception):
    """The queue is as long as it may be."""


class _QueueLength:
    """How long the queue was a moment ago. For the publisher's thread alone."""

    def __init__(self) -> None:
        self._checked_at = -QUEUE_CHECK_EVERY
        self._full = False

    def is_full(self) -> bool:
        """Whether nothing more is to be added. Raises what the client raises."""
        now = time.monotonic()
        if now - self._checked_at >= QUEUE_CHECK_EVERY:
            length = int(redis_client.client().llen(settings.CELERY_TASK_DEFAULT_QUEUE))
            self._checked_at, self._full = now, length >= MOST_QUEUED
            if self._full:
                _unconsumed.failed(QueueTooLong(f"{length} are queued"))
            else:
                _unconsumed.worked()
        return self._full


_queue_length = _QueueLength()
