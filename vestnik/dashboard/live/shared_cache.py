"""One look a second, however many processes want to know: whoever has the turn looks, and leaves
in Redis what it saw for the others. Where Redis is away each process looks for itself."""

import json
import time
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

import redis
import structlog
from django.conf import settings

from vestnik.reasons.reason import Reason

log = structlog.get_logger(__name__)

PATIENCE = 0.5
TRIES = 10
AT, REASON = "$at", "$reason"
#: Counts the looks at anything, in the order in which they began. What is kept has another form
#: than in the versions before, which may run beside this one.
LOOKS = "vestnik:seen:3"
#: Who looked longer than its turn must not hide what was seen in a later one.
KEEP = """
local kept = redis.call('GET', KEYS[1])
if not kept or tonumber(string.match(kept, '^%d+')) < tonumber(ARGV[1]) then
    redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2], 'PX', ARGV[3])
end
"""


def seen(name: str, every: float, look: Callable[[], Any]) -> Any:
    """What `look` answers, or what another process was answered within the last `every` seconds."""
    try:
        return _seen(f"{LOOKS}:{name}", every, look)
    except redis.RedisError as error:
        log.warning("what is seen cannot be shared", trouble=type(error).__name__)
        return look()


def _seen(key: str, every: float, look: Callable[[], Any]) -> Any:
    # A little less, so that who comes every second finds the turn free each time.
    ours = _redis().set(f"{key}:turn", 1, nx=True, px=int(every * 950))
    if not ours and (kept := _kept(key)):
        return json.loads(kept.split(b" ", 1)[1], object_hook=_decoded)
    number = _redis().incr(LOOKS)
    found = look()
    seen_as = json.dumps(_marked(found), default=_encoded)
    _redis().eval(KEEP, 1, key, number, seen_as, int(every * 2000))
    return found


def _kept(key: str) -> Any:
    """What was seen; who has the first turn may still be looking."""
    for _ in range(TRIES):
        if kept := _redis().get(key):
            return kept
        time.sleep(PATIENCE / TRIES)
    return None


def _marked(value: Any) -> Any:
    """The value with its reasons as data: JSON would take them for texts."""
    match value:
        case Reason():
            return {REASON: value.data}
        case dict():
            return {name: _marked(inner) for name, inner in value.items()}
        case list() | tuple():
            return [*map(_marked, value)]
    return value


def _encoded(value: Any) -> Any:
    if isinstance(value, datetime):
        return {AT: value.isoformat()}
    raise TypeError(f"{type(value).__name__} cannot be handed on")


def _decoded(found: dict[str, Any]) -> Any:
    if REASON in found:
        return Reason.from_data(found[REASON]) or ""
    return datetime.fromisoformat(found[AT]) if AT in found else found


@cache
def _redis() -> redis.Redis:
    # Tried once: a page that waits for it could long have looked for itself.
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=None
    )
