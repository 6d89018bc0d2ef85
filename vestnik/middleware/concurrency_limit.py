"""Limit the requests that a process serves at once, and their duration.

Live streams wait in threads. Without the limit, other requests would take the remaining threads and
wait there for database connections. A client that sends its body too slowly would hold a slot for
ever.
"""

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import Any

from vestnik.middleware.complete_body import require_complete_body
from vestnik.middleware.request_checks import seconds_for

#: Requests at once per process; each may hold one database connection.
REQUESTS = 8
#: Live streams hold no database connection, and have a limit of their own.
STREAMS = "text/event-stream"
#: A busy process is alive: if its liveness probe waited for a slot, it would be killed. The
#: readiness probe has slots of its own, since it may wait for the database and the broker.
ALIVE, READY = "/livez", "/readyz"
#: All text is UTF-8. Django would pass the label to Python, some of whose codecs are not text
#: codecs.
CHARSET = re.compile(r";\s*charset\s*=([^;]*)", re.IGNORECASE)
#: Keeps the label for callbacks, since providers send them in other charsets.
DECLARED_CHARSET = "vestnik.declared_charset"
#: Seconds that a request waits for a slot, and that its body may take.
USUAL_SECONDS = 30.0
#: Seconds between checks for overdue bodies.
LOOKED_EVERY = 1.0
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
    bodies = RequestBody(seconds)

    def gated(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        _take_charset(environ)
        require_complete_body(environ)
        path = environ.get("PATH_INFO")
        if environ.get("HTTP_ACCEPT") == STREAMS or path == ALIVE:
            return application(environ, start)
        if path == READY:
            return in_one_of(places_of_probes, 0.0, environ, start)
        return in_one_of(places, seconds, environ, start)

    def in_one_of(
        free: threading.Semaphore, patience: float, environ: dict[str, Any], start: Any
    ) -> Iterable[bytes]:
        # A bounded wait: the client gets a 503 with Retry-After instead of a time-out.
        if not free.acquire(timeout=patience):
            return _too_many(start)
        try:
            with bodies.expected(environ):
                answer = application(environ, start)
        except BaseException:
            free.release()
            raise
        return HeldSlot(answer, free.release)

    return gated


def _take_charset(environ: dict[str, Any]) -> None:
    content_type = environ.get("CONTENT_TYPE", "")
    if label := CHARSET.search(content_type):
        environ[DECLARED_CHARSET] = label[1]
    environ["CONTENT_TYPE"] = CHARSET.sub("", content_type)


def _too_many(start: Any) -> Iterable[bytes]:
    headers = [("Content-Type", "application/problem+json"), ("Retry-After", "5")]
    start("503 Service Unavailable", headers)
    return [json.dumps(TOO_MANY_REQUESTS).encode()]


class RequestBody:
    """Closes connections whose body does not arrive in time; their readers see the end of the
    stream."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lines: dict[int, tuple[float, socket.socket]] = {}
        self._lock = threading.Lock()
        self._watch: threading.Thread | None = None

    @contextmanager
    def expected(self, environ: dict[str, Any]) -> Iterator[None]:
        """Watch a request's connection during the block."""
        line: socket.socket | None = environ.get("gunicorn.socket")
        if line is None:
            yield
            return
        self._begin(line, time.monotonic() + seconds_for(environ, self._seconds))
        try:
            yield
        finally:
            with self._lock:
                self._lines.pop(id(line), None)

    def _begin(self, line: socket.socket, ends: float) -> None:
        with self._lock:
            self._lines[id(line)] = (ends, line)
            if self._watch is None or not self._watch.is_alive():  # also after a fork
                self._watch = threading.Thread(target=self._run, name="bodies", daemon=True)
                self._watch.start()

    def _run(self) -> None:
        while True:
            time.sleep(LOOKED_EVERY)
            now = time.monotonic()
            with self._lock:
                late = [line for ends, line in self._lines.values() if ends < now]
                for line in late:
                    with suppress(OSError):
                        # Readers see the end of the stream; the answer can still be written.
                        line.shutdown(socket.SHUT_RD)
                    self._lines.pop(id(line), None)


class HeldSlot:
    """A response that holds its slot until it is sent or closed."""

    def __init__(self, answer: Iterable[bytes], release: Callable[[], None]) -> None:
        self.answer = answer
        self._releases = [release]

    def __iter__(self) -> Iterator[bytes]:
        yield from self.answer
        self._release()

    def close(self) -> None:
        """Release the slot. The server calls it in any case."""
        try:
            getattr(self.answer, "close", lambda: None)()
        finally:
            self._release()

    def _release(self) -> None:
        while self._releases:
            self._releases.pop()()
