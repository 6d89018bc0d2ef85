"""The wake-ups that were published: all of them, however slow the publisher's thread is."""

import itertools
import json

import redis
from django.conf import settings

from tests.stack.embedded_servers import wait_until
from vestnik.dispatch.signals import wakeups

MARK = "vestnik.look_at"
#: Of no mailing: each marks the end of what was published before it.
_marks = itertools.count(10**12)


def tasks_of_wakeups() -> list[str]:
    """Return the tasks of the wake-ups in the broker, without the marks of calls before.

    One thread publishes all, in order: once a mark has come, all that was before it has come.
    """
    wait_until(lambda: not wakeups.pending_count(), 30)
    mark = f"({next(_marks)},)"
    wakeups.publish(MARK, int(mark[1:-2]))
    with redis.Redis.from_url(settings.REDIS_URL) as broker:
        wait_until(lambda: mark in [one["argsrepr"] for one in _queued(broker)], 30)
        return [one["task"] for one in _queued(broker) if not _is_mark(one)]


def _queued(broker: redis.Redis) -> list[dict[str, str]]:
    messages = broker.lrange(settings.CELERY_TASK_DEFAULT_QUEUE, 0, -1)
    return [json.loads(message)["headers"] for message in messages]


def _is_mark(headers: dict[str, str]) -> bool:
    return headers["task"] == MARK and int(headers["argsrepr"].strip("(,)")) >= 10**12
