"""`vestnik healthcheck`: check the web, worker or scheduler process of this container.

It is run every few seconds, so it starts no Django. It connects by itself, since a client that
heeds `HTTP_PROXY` would ask a proxy for what is in this very container.
"""

import http.client
import socket

from vestnik import env

SECONDS = 4.0
#: The address to connect to if the web process listens on all addresses.
OF_ALL = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  (it listens nowhere itself)


def problem_with(kind: str) -> str:
    """Return what is wrong with this host's process of that kind; empty if nothing is."""
    return _web() if kind == "web" else _heartbeat_of(kind)


def _web() -> str:
    host = env.text("WEB_HOST", "127.0.0.1").strip("[]")
    port = env.number("VESTNIK_PORT", 8000)
    line = http.client.HTTPConnection(OF_ALL.get(host, host), port, timeout=SECONDS)
    try:
        line.request("GET", "/readyz")
        answer = line.getresponse()
        body = answer.read(4096).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"the web does not answer: {error or type(error).__name__}"
    finally:
        line.close()
    return "" if answer.status == http.HTTPStatus.OK else body


def _heartbeat_of(kind: str) -> str:
    import redis  # with what follows a quarter of a second, which the web's check does without

    from vestnik.db import redis_client
    from vestnik.dispatch.signals.heartbeat_keys import KEYS

    pattern = KEYS[kind].format(f"*@{socket.gethostname()}")
    try:
        with redis_client.connect(env.redis_url(), SECONDS) as broker:
            seen = any(True for _ in broker.scan_iter(pattern, count=1000))
    except redis.RedisError:
        return ""  # unknown: a restart would leave messages in the state `unknown`
    except ValueError:
        return "REDIS_URL is not set"
    return "" if seen else f"no {kind} of {socket.gethostname()} has been seen in the last 15 s"
