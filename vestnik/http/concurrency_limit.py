"""How many requests a process serves at once: its streams wait in threads, and must not let in so
many others that they wait for each other's connections to the database. And for how long: whoever
sends a body byte by byte, or never, would hold a place for good."""

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import Any

REQUESTS = 8
#: These hold no connection, and count themselves.
STREAMS = "text/event-stream"
#: A process that is busy is alive: a probe that waited for a place would have it killed. The one
#: that asks the database and the broker has places of its own, since it may wait for them.
ALIVE, READY = "/livez", "/readyz"
#: Bytes a second, at least, of a body that comes in: a file over a slow line may take its time.
SLOWEST_LINE = 16 * 1024
#: All is read as UTF-8. Django hands the label to Python, some of whose codecs are none of texts.
CHARSET = re.compile(r";\s*charset\s*=([^;]*)", re.IGNORECASE)
#: Where the label is kept for callbacks, which providers write in charsets of their own.
DECLARED_CHARSET = "vestnik.declared_charset"
USUAL_SECONDS = 30.0
LOOKED_EVERY = 1.0
CROWDED = {
    "type": "urn:vestnik:problem:unavailable",
    "title": HTTPStatus.SERVICE_UNAVAILABLE.phrase,
    "status": 503,
    "detail": "Too many requests are being served: send this one again in a few seconds.",
}

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


def at_most(most: int, application: Application, *, seconds: float = USUAL_SECONDS) -> Application:
    """The same application, which answers so many requests at once; the others wait for so long."""
    places, places_of_probes = threading.Semaphore(most), threading.Semaphore(most)
    bodies = Bodies(seconds)

    def gated(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        _take_charset(environ)
        path = environ.get("PATH_INFO")
        if environ.get("HTTP_ACCEPT") == STREAMS or path == ALIVE:
            return application(environ, start)
        if path == READY:
            return in_one_of(places_of_probes, 0.0, environ, start)
        return in_one_of(places, seconds, environ, start)

    def in_one_of(
        free: threading.Semaphore, patience: float, environ: dict[str, Any], start: Any
    ) -> Iterable[bytes]:
        if not free.acquire(timeout=patience):
            return _crowded(start)
        try:
            with bodies.expected(environ):
                answer = application(environ, start)
        except BaseException:
            free.release()
            raise
        return Held(answer, free.release)

    return gated


def _take_charset(environ: dict[str, Any]) -> None:
    content_type = environ.get("CONTENT_TYPE", "")
    if label := CHARSET.search(content_type):
        environ[DECLARED_CHARSET] = label[1]
    environ["CONTENT_TYPE"] = CHARSET.sub("", content_type)


def _crowded(start: Any) -> Iterable[bytes]:
    headers = [("Content-Type", "application/problem+json"), ("Retry-After", "5")]
    start("503 Service Unavailable", headers)
    return [json.dumps(CROWDED).encode()]


def seconds_for(environ: dict[str, Any], seconds: float) -> float:
    """How long a request may take, with the time that its body may take to come in."""
    return seconds + content_length(environ) / SLOWEST_LINE


def content_length(environ: dict[str, Any]) -> int:
    """The announced length of a body; 0 where none is, or what is no length."""
    length = str(environ.get("CONTENT_LENGTH") or "")
    return int(length) if length.isascii() and length.isdigit() and len(length) < 16 else 0


class Bodies:
    """Ends the reading of bodies that do not come in time: their readers see the line's end."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lines: dict[int, tuple[float, socket.socket]] = {}
        self._lock = threading.Lock()
        self._watch: threading.Thread | None = None

    @contextmanager
    def expected(self, environ: dict[str, Any]) -> Iterator[None]:
        """For the length of a request, whose connection the server hands over."""
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
                        line.shutdown(socket.SHUT_RD)
                    self._lines.pop(id(line), None)


class Held:
    """An answer that keeps its place until it is sent, or closed before that."""

    def __init__(self, answer: Iterable[bytes], release: Callable[[], None]) -> None:
        self.answer = answer
        self._releases = [release]

    def __iter__(self) -> Iterator[bytes]:
        yield from self.answer
        self._release()

    def close(self) -> None:
        """Called by the server, whatever became of it."""
        try:
            getattr(self.answer, "close", lambda: None)()
        finally:
            self._release()

    def _release(self) -> None:
        while self._releases:
            self._releases.pop()()
