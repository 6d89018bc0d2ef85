"""Records which providers have answered lately, over all workers.

A worker that cannot reach a provider reads here whether other workers can (decision 0045). Each
worker notes good answers in memory and publishes them once a second, so that a sending thread never
waits for Redis.
"""

from contextlib import suppress

import redis

from vestnik.db.redis_client import client

ANSWERING = "vestnik:answering:{}"
#: Seconds for which a provider counts as answering after a good answer.
ANSWERING_FOR = 3.0

_noted: set[str] = set()


def note_answer(alias: str) -> None:
    """Note that this worker got a good answer from the provider."""
    _noted.add(alias)


def publish_answers() -> None:
    """Publish the answers noted since the last call. While Redis is away they are dropped."""
    aliases = [*_noted]
    _noted.difference_update(aliases)
    with suppress(redis.RedisError):
        for alias in aliases:
            client().set(ANSWERING.format(alias), 1, px=int(ANSWERING_FOR * 1000))


def is_answering(alias: str) -> bool:
    """Return whether a worker got a good answer lately; False while Redis is away."""
    try:
        return bool(client().exists(ANSWERING.format(alias)))
    except redis.RedisError:
        return False
