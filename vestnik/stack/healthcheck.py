"""`vestnik healthcheck`: checks the web, worker or beat process of this container.

It runs every few seconds, so it does not start Django. It uses http.client, since a client that
follows `HTTP_PROXY` would ask a proxy for an address of this container.
"""

import http.client
import socket

from vestnik import env

#: Seconds for an answer: below the time limit of the containers' health checks.
SECONDS = 4.0
#: The address to connect to if the web process listens on all addresses.
OF_ALL = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  (nothing listens here)


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
        return f"the web process does not answer: {error or type(error).__name__}"
    finally:
        line.close()
    return "" if answer.status == http.HTTPStatus.OK else body


def _heartbeat_of(kind: str) -> str:
    import redis  # takes 0.25 s with the imports below, which the check of the web does not need

    from vestnik.db import redis_client
    from vestnik.dispatch.signals.heartbeat_keys import KEYS

    pattern = KEYS[kind].format(f"*@{socket.gethostname()}")
    try:
        with redis_client.connect(env.redis_url(), SECONDS) as broker:
            seen = any(True for _ in broker.scan_iter(pattern, count=1000))
    except redis.RedisError:
        return ""  # healthy as far as known: a needless restart would make messages `unknown`
    except ValueError:
        return "REDIS_URL is not set"
    return (
        ""
        if seen
        else f"no heartbeat of a {kind} process on {socket.gethostname()} in the last 15 s"
    )
