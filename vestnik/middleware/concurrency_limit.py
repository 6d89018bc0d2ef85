"""Limit the requests that a process serves at once, and their duration.

Live streams wait in threads. Without the limit, other requests would take the remaining threads and
wait there for database connections. A client that sends its body or takes its answer too slowly
would hold a slot for ever.
"""

import json
import re
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from vestnik.middleware.complete_body import CompleteBody, require_complete_body
from vestnik.middleware.connection_watch import ConnectionWatch, Pace

#: Requests at once per process; each may hold one database connection.
REQUESTS = 8
#: Live streams hold no database connection, and have a limit of their own.
STREAMS, STREAM_PATHS = "text/event-stream", "/live/"
#: A busy process is alive: if its liveness probe waited for a slot, it would be killed. The
#: readiness probe has slots of its own, since it may wait for the database and the broker.
ALIVE, READY = "/livez", "/readyz"
#: All text is UTF-8. Django would pass the label to Python, some of whose codecs are not text
#: codecs.
CHARSET = re.compile(r";\s*charset\s*=([^;]*)", re.IGNORECASE)
#: Keeps the label for callbacks, since providers send them in other charsets.
DECLARED_CHARSET = "vestnik.declared_charset"
#: Seconds that a request waits for a slot, and by which its client may fall behind the lowest rate.
USUAL_SECONDS = 30.0
TOO_MANY_REQUESTS = {
    "type": "urn:vestnik:problem:unavailable",
    "title": HTTPStatus.SERVICE_UNAVAILABLE.phrase,
    "status": 503,
    "detail": "Too many requests are being served: send this one again in a few seconds.",
}

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


def at_most(most: int, application: Application, *, seconds: float = USUAL_SECONDS) -> Application:
    """Wrap an application with the limit; further requests wait for a bounded time."""
    places, places_of_probes = threading.Semaphore(most), threading.Semaphore(most)
    watch = ConnectionWatch()

    def gated(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        _take_charset(environ)
        path = environ.get("PATH_INFO", "")
        is_stream = environ.get("HTTP_ACCEPT") == STREAMS and path.startswith(STREAM_PATHS)
        if is_stream or path == ALIVE:
            return answered(environ, start, lambda: None)
        free, patience = (places_of_probes, 0.0) if path == READY else (places, seconds)
        # A bounded wait: the client gets a 503 with Retry-After instead of a time-out.
        if not free.acquire(timeout=patience):
            return _too_many(start)
        return answered(environ, start, free.release)

    def answered(
        environ: dict[str, Any], start: Any, release: Callable[[], None]
    ) -> Iterable[bytes]:
        line: socket.socket | None = environ.get("gunicorn.socket")
        # Readers see the end of the stream; the answer can still be written.
        arriving = Pace(watch, seconds, line, socket.SHUT_RD)
        leaving = Pace(watch, seconds, line, socket.SHUT_RDWR)
        body = require_complete_body(environ, arriving)
        try:
            answer = application(environ, start)
        except BaseException:
            release()
            raise
        return HeldSlot(answer, release, leaving, at_close=lambda: _end_after(body, line))

    return gated


def _end_after(body: CompleteBody | None, line: socket.socket | None) -> None:
    """End the connection of a body that broke off: what else arrives is no request."""
    if body and body.is_broken and line:
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)


def _take_charset(environ: dict[str, Any]) -> None:
    content_type = environ.get("CONTENT_TYPE", "")
    if label := CHARSET.search(content_type):
        environ[DECLARED_CHARSET] = label[1]
    environ["CONTENT_TYPE"] = CHARSET.sub("", content_type)


def _too_many(start: Any) -> Iterable[bytes]:
    headers = [("Content-Type", "application/problem+json"), ("Retry-After", "5")]
    start("503 Service Unavailable", headers)
    return [json.dumps(TOO_MANY_REQUESTS).encode()]


class HeldSlot:
    """A response that holds its slot until it is sent or closed."""

    def __init__(
        self,
        answer: Iterable[bytes],
        release: Callable[[], None],
        pace: Pace,
        *,
        at_close: Callable[[], None],
    ) -> None:
        self.answer, self.pace, self.at_close = answer, pace, at_close
        self._releases = [release]

    def __iter__(self) -> Iterator[bytes]:
        for part in self.answer:
            with self.pace.part(len(part)):
                yield part
        self._release()

    def close(self) -> None:
        """Release the slot. The server calls it in any case."""
        try:
            getattr(self.answer, "close", lambda: None)()
        finally:
            self._release()
            self.at_close()

    def _release(self) -> None:
        while self._releases:
            self._releases.pop()()
