"""One query a second for all web processes: the process that has the turn runs it and stores the
result in Redis for the others. Without Redis each process queries for itself."""

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

TIMEOUT_SECONDS = 0.5
ATTEMPTS = 10
INSTANT_KEY, REASON_KEY = "$at", "$reason"
#: Counts the looks at anything, in the order in which they began. What is stored has another form
#: than in the versions before, which may run beside this one.
KEY_PREFIX = "vestnik:seen:3"
#: Who looked longer than its turn must not hide what was seen in a later one.
STORE_IF_NEWER = """
local kept = redis.call('GET', KEYS[1])
if not kept or tonumber(string.match(kept, '^%d+')) < tonumber(ARGV[1]) then
    redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2], 'PX', ARGV[3])
end
"""


def fetch_shared(name: str, every: float, fetch: Callable[[], Any]) -> Any:
    """What `look` answers, or what another process was answered within the last `every` seconds."""
    try:
        return _fetch(f"{KEY_PREFIX}:{name}", every, fetch)
    except redis.RedisError as error:
        log.warning("what is seen cannot be shared", trouble=type(error).__name__)
        return fetch()


def _fetch(key: str, every: float, fetch: Callable[[], Any]) -> Any:
    # A little less, so that who comes every second finds the turn free each time.
    has_turn = _redis().set(f"{key}:turn", 1, nx=True, px=int(every * 950))
    if not has_turn and (stored := _wait_for_stored(key)):
        return json.loads(stored.split(" ", 1)[1], object_hook=_decode)
    number = _redis().incr(KEY_PREFIX)
    value = fetch()
    encoded = json.dumps(_mark_reasons(value), default=_encode)
    _redis().eval(STORE_IF_NEWER, 1, key, number, encoded, int(every * 2000))
    return value


def _wait_for_stored(key: str) -> Any:
    """What was seen; who has the first turn may still be looking."""
    for _ in range(ATTEMPTS):
        if stored := _redis().get(key):
            return stored
        time.sleep(TIMEOUT_SECONDS / ATTEMPTS)
    return None


def _mark_reasons(value: Any) -> Any:
    """The value with its reasons as data: JSON would take them for texts."""
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
    raise TypeError(f"{type(value).__name__} cannot be handed on")


def _decode(value: dict[str, Any]) -> Any:
    if REASON_KEY in value:
        return Reason.from_data(value[REASON_KEY]) or ""
    return datetime.fromisoformat(value[INSTANT_KEY]) if INSTANT_KEY in value else value


def _redis() -> redis.Redis:
    # Tried once: a page that waits for it could long have looked for itself.
    return client_without_retries(TIMEOUT_SECONDS)
