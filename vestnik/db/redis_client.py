"""The clients of Redis. Redis may be unavailable at any time: every call may raise RedisError."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import redis
from django.conf import settings
from redis.commands.core import Script

#: Seconds to wait for a connection and for each answer.
TIMEOUT = 1.0
#: Seconds of idleness after which a connection is checked before it is used.
HEALTH_CHECK_EVERY = 10


def client() -> redis.Redis:
    """Return the client that all threads of this process share; it decodes answers to text."""
    return _shared(settings.REDIS_URL)


def client_without_retries(timeout: float) -> redis.Redis:
    """Return a shared client that fails at once, for callers with a fallback."""
    return _without_retries(settings.REDIS_URL, timeout)


def connect(url: str, timeout: float) -> redis.Redis:
    """Return a client with its own connection, for health checks; use it in a `with` block."""
    return redis.Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout)


def run_script(text: str, keys: Sequence[str], arguments: Sequence[float] = ()) -> Any:
    """Run a Lua script, by its digest if Redis knows it already."""
    return _script(client(), text)(keys=keys, args=arguments)


# Cached by URL, so that a process that changes the setting gets a client of the new address.
@cache
def _shared(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        socket_timeout=TIMEOUT,
        socket_connect_timeout=TIMEOUT,
        health_check_interval=HEALTH_CHECK_EVERY,
        decode_responses=True,
    )


@cache
def _without_retries(url: str, timeout: float) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=None,
        decode_responses=True,
    )


@cache
def _script(client: redis.Redis, text: str) -> Script:
    return client.register_script(text)
