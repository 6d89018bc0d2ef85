"""How many requests a process serves at once: its streams wait in threads, and must not let in so
many others that they wait for each other's connections to the database."""

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

REQUESTS = 8
#: These hold no connection, and count themselves.
STREAMS = "text/event-stream"

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


def at_most(most: int, application: Application) -> Application:
    """The same application, which answers so many requests at once; the others wait."""
    places = threading.Semaphore(most)

    def gated(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        if environ.get("HTTP_ACCEPT") == STREAMS:
            return application(environ, start)
        places.acquire()
        try:
            answer = application(environ, start)
        except BaseException:
            places.release()
            raise
        return Held(answer, places.release)

    return gated


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
