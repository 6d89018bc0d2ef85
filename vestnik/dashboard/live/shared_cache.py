"""One query a second for all web processes.

The process that has the turn runs it and stores the result in Redis for the others. Without Redis
each process queries for itself.
"""

import json
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import redis
import structlog

from vestnik.db.redis_client import client_without_retries
from vestnik.reasons.reason import Reason

log = structlog.get_logger(__name__)

#: A page should not wait longer for Redis than a query of its own would take.
TIMEOUT_SECONDS = 0.5
ATTEMPTS = 10
INSTANT_KEY, REASON_KEY = "$at", "$reason"
#: A counter of all polls, in the order in which they began. The suffix changes with the form of the
#: stored data, since the version before may run beside this one.
KEY_PREFIX = "vestnik:seen:3"
#: A poll that outlasted its turn must not overwrite a newer one.
STORE_IF_NEWER = """
local kept = redis.call('GET', KEYS[1])
if not kept or tonumber(string.match(kept, '^%d+')) < tonumber(ARGV[1]) then
    redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2], 'PX', ARGV[3])
end
"""


def fetch_shared(name: str, every: float, fetch: Callable[[], Any]) -> Any:
    """Return what `fetch` answers, here or in another process within `every` seconds."""
    try:
        return _fetch(f"{KEY_PREFIX}:{name}", every, fetch)
    except redis.RedisError as error:
        log.warning("live data cannot be shared", error=type(error).__name__)
        return fetch()


def _fetch(key: str, every: float, fetch: Callable[[], Any]) -> Any:
    # A little less than the interval, so that a poll every second finds the turn free each time.
    has_turn = _redis().set(f"{key}:turn", 1, nx=True, px=int(every * 950))
    if not has_turn and (stored := _wait_for_stored(key)):
        return json.loads(stored.split(" ", 1)[1], object_hook=_decode)
    number = _redis().incr(KEY_PREFIX)
    value = fetch()
    encoded = json.dumps(_mark_reasons(value), default=_encode)
    _redis().eval(STORE_IF_NEWER, 1, key, number, encoded, int(every * 2000))
    return value


def _wait_for_stored(key: str) -> Any:
    """Return the stored result; the process that has the first turn may still be querying."""
    for _ in range(ATTEMPTS):
        if stored := _redis().get(key):
            return stored
        time.sleep(TIMEOUT_SECONDS / ATTEMPTS)
    return None


def _mark_reasons(value: Any) -> Any:
    """Return the value with its reasons as data, since JSON would store them as texts."""
    match value:
        case Reason():
            return {REASON_KEY: value.data}
        case dict():
            return {name: _mark_reasons(inner) for name, inner in value.items()}
        case list() | tuple():
            return [*map(_mark_reasons, value)]
    return value


def _encode(value: Any) -> Any:
    if isinstance(value, datetime):
        return {INSTANT_KEY: value.isoformat()}
    raise TypeError(f"{type(value).__name__} is not serializable")


def _decode(value: dict[str, Any]) -> Any:
    if REASON_KEY in value:
        return Reason.from_data(value[REASON_KEY]) or ""
    return datetime.fromisoformat(value[INSTANT_KEY]) if INSTANT_KEY in value else value


def _redis() -> redis.Redis:
    # No retry: a query is faster than waiting for Redis.
    return client_without_retries(TIMEOUT_SECONDS)
