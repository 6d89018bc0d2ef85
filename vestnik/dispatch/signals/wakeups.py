"""Wake-ups: messages that tell a worker to look at a mailing or a provider.

A wake-up may be lost, doubled or late without any effect on results: the scheduler finds the same
work within a second. A thread publishes them, so that a slow or absent broker never delays or fails
the caller (decision 0034).

A wake-up carries no time, since publisher and consumer may be on two hosts whose clocks differ. A
delayed one waits in the publisher, by the monotonic clock. While no worker consumes, the queue does
not grow beyond MOST_QUEUED, so a worker that comes back reads it within a second.

Equal wake-ups are merged (decision 0035): each is recorded in Redis until a worker takes it, and
not published again meanwhile. The record expires after PENDING_SECONDS, so a lost wake-up is
repeated.
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

# The provider of a running mailing and the number of its ready batches, counted up to a limit.
READY_BATCHES = f"""
SELECT provider, (
    SELECT count(*) FROM (
        SELECT FROM dispatch_batch b WHERE b.mailing_id = m.id AND b.state = '{READY}' LIMIT %s
    ) AS ready
)
FROM mailings_mailing m WHERE id = %s AND state = '{MailingState.RUNNING}'
"""
#: From this number of ready batches on, some were ready before, so dispatchers send them already.
MANY_READY = 21
#: The dispatchers that one call wakes at most, and the wake-ups of a provider that may wait.
MOST_DISPATCHERS = 4
#: The wake-ups of a rate-limited provider that may wait: one may be lost with its worker.
MOST_OF_LIMITED = 2
#: Seconds between two wake-ups for the small mailings that are enlisted one after the other.
DISPATCH_EVERY = 0.1
#: Seconds between two wake-ups to finish mailings; one task finishes all that are done.
FINISH_EVERY = 0.1

#: Wake-ups of this process that wait for the publisher; further ones are dropped.
MOST_PENDING = 5000
#: The length of the broker's queue from which nothing more is added.
MOST_QUEUED = 1000
#: Seconds for which a wake-up counts as pending unless a worker takes it.
PENDING_SECONDS = 2.0
PENDING_KEY = "vestnik:hint:{}:{}"
# Count one more equal wake-up, unless ARGV[1] of them wait already; returns 1 or 0.
ADD = """
local waiting = redis.call('INCR', KEYS[1])
if waiting > tonumber(ARGV[1]) then
    redis.call('DECR', KEYS[1])
    return 0
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""
# A worker took one. Never below zero: the record may have expired meanwhile.
TAKE = """
if tonumber(redis.call('GET', KEYS[1]) or 0) > 0 then redis.call('DECR', KEYS[1]) end
"""
TRACKED_TASKS = ("vestnik.look_at", "vestnik.work", "vestnik.ask")
#: Seconds for which the measured length of the queue is used.
QUEUE_CHECK_EVERY = 0.2

_numbers = itertools.count()


@dataclass(order=True, slots=True)
class Wakeup:
    """A wake-up. They are ordered by due time; equal times by the order of creation."""

    due: float
    task: str = field(compare=False)
    arguments: tuple[object, ...] = field(compare=False)
    #: Equal wake-ups have the same key, and at most `most` of them wait at the same time.
    key: str = field(compare=False)
    most: int = field(compare=False)
    #: False for a delayed wake-up, which does not count towards `most`.
    is_counted: bool = field(compare=False)
    number: int = field(default_factory=lambda: next(_numbers))


class SpacedWakeups:
    """One wake-up for all requests within `seconds`, where one task does the work of all.

    The first request publishes at once, the next one when the time is over, and that wake-up stands
    for further requests until then.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds, self._lock = seconds, threading.Lock()
        self._published_at: dict[str, float] = {}

    def request(self, key: str) -> float | None:
        """Return the seconds after which to publish; None if a wake-up with this key is still to
        come."""
        now = time.monotonic()
        with self._lock:
            last = self._published_at.get(key, float("-inf"))
            if last > now:
                return None
            self._published_at[key] = at = max(now, last + self._seconds)
        return at - now


_dispatch, _finish = SpacedWakeups(DISPATCH_EVERY), SpacedWakeups(FINISH_EVERY)

#: Guards the wake-ups of this process that are not published yet: a heap, and the number of the
#: counted ones by key.
_changed = threading.Condition()
_waiting: list[Wakeup] = []
_counts: Counter[str] = Counter()
_publisher: threading.Thread | None = None
_outage = OutageLog(
    "the broker accepts no messages",
    "check that Redis runs, can write to its disk and has free memory; nothing is lost meanwhile",
)
_overflow = OutageLog(
    "wake-ups are created faster than they can be published",
    "nothing is lost: the scheduler finds the same work each second",
)
_unconsumed = OutageLog(
    "no worker takes the queued wake-ups",
    "start workers, or check why they take none; nothing is lost meanwhile",
)


def wake_for(mailing_id: int) -> None:
    """Publish a wake-up for the mailing once the current transaction is committed."""
    transaction.on_commit(partial(publish, "vestnik.look_at", mailing_id))


def wake_dispatchers(alias: str, dispatchers: int = MOST_DISPATCHERS, after: float = 0.0) -> None:
    """Publish wake-ups for up to `dispatchers` dispatchers of the provider.

    A dispatcher that is fully busy ignores them. A rate-limited provider gets one. More may wait
    than one call publishes: a wake-up that a killed worker had taken holds up no other.
    """
    is_limited = alias in aliases() and bool(describe(alias).max_rate)
    most = MOST_OF_LIMITED if is_limited else MOST_DISPATCHERS
    for _ in range(1 if is_limited else dispatchers):
        publish("vestnik.work", alias, after=after, most=most)


def wake_dispatchers_for(mailing_id: int) -> None:
    """Wake the dispatchers of a mailing's provider if the mailing has ready batches.

    One wake-up is published for each batch, up to MOST_DISPATCHERS, and a single one from
    MANY_READY batches on: receiving a wake-up costs a worker 3 to 4 ms.
    """
    for alias, ready in sql.rows(READY_BATCHES, [MANY_READY, mailing_id]):
        if ready:
            wake_dispatchers(alias, min(ready, MOST_DISPATCHERS) if ready < MANY_READY else 1)


def wake_dispatcher_soon(alias: str) -> None:
    """Publish a wake-up for a dispatcher of the provider, at most every DISPATCH_EVERY seconds."""
    after = _dispatch.request(alias)
    if after is not None:
        wake_dispatchers(alias, dispatchers=1, after=after)


def finish_soon(mailing_id: int) -> None:
    """Publish a wake-up to finish the mailing, at most every FINISH_EVERY seconds.

    Its task finishes all mailings that are done by then, so it need not name each of them.
    """
    after = _finish.request("")
    if after is not None:
        publish("vestnik.look_at", mailing_id, after=after)


def publish(task: str, *arguments: object, after: float = 0.0, most: int = 1) -> None:
    """Publish a wake-up after `after` seconds, unless `most` equal ones are waiting.

    `after` should be below two seconds: a delayed wake-up is lost if the process ends.
    """
    key, is_counted = _key(task, arguments), not after
    wakeup = Wakeup(time.monotonic() + after, task, arguments, key, most, is_counted)
    with _changed:
        if is_counted and _counts[key] >= most:
            return
        has_room = len(_waiting) < MOST_PENDING
        if has_room:
            _counts[key] += is_counted
            heapq.heappush(_waiting, wakeup)
            _changed.notify()
            _ensure_publisher()
    if not has_room:
        _overflow.failed(queue.Full())


def pending_count() -> int:
    """Return the number of wake-ups that this process has not published yet."""
    return len(_waiting)


def mark_taken(task: str, arguments: Sequence[object]) -> None:
    """Record that a worker has taken the wake-up: an equal one may be published from now on."""
    if task in TRACKED_TASKS:
        with suppress(redis.RedisError):
            redis_client.run_script(TAKE, [_key(task, arguments)])


def _key(task: str, arguments: Sequence[object]) -> str:
    return PENDING_KEY.format(task, ",".join(map(str, arguments)))


def _ensure_publisher() -> None:
    global _publisher
    if _publisher is None or not _publisher.is_alive():
        _publisher = threading.Thread(target=_publish_forever, name="wakeups", daemon=True)
        _publisher.start()


def _publish_forever() -> None:
    while True:
        with _changed:
            while not _waiting:
                _changed.wait()
            delay = _waiting[0].due - time.monotonic()
            if delay > 0:
                _changed.wait(delay)
                continue
            wakeup = heapq.heappop(_waiting)
            _counts[wakeup.key] -= wakeup.is_counted
            if not _counts[wakeup.key]:
                del _counts[wakeup.key]
        _send(wakeup)


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
    """Record the wake-up in Redis; return False if `most` equal ones wait to be taken."""
    if wakeup.task not in TRACKED_TASKS:
        return True
    limits = [wakeup.most, int(PENDING_SECONDS * 1000)]
    return bool(redis_client.run_script(ADD, [wakeup.key], limits))


class QueueTooLong(Exception):
    """The broker's queue has MOST_QUEUED or more wake-ups."""


class _QueueLength:
    """The length of the broker's queue, read every QUEUE_CHECK_EVERY seconds. Not thread-safe: the
    publisher's thread alone uses it."""

    def __init__(self) -> None:
        self._checked_at = -QUEUE_CHECK_EVERY
        self._full = False

    def is_full(self) -> bool:
        """Return whether nothing may be added. Raises RedisError."""
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
