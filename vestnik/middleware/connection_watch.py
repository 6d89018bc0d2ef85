"""Close connections whose client sends its body, or takes its answer, below a rate.

A thread waits in its socket for ever otherwise, and holds what the request holds.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from vestnik.middleware.request_checks import MIN_BYTES_PER_SECOND

#: Seconds between checks for overdue connections.
LOOKED_EVERY = 1.0
#: A connection, None if the server does not tell it.
Line = socket.socket | None


class ConnectionWatch:
    """Closes the connections that are overdue; one thread looks at all of them."""

    def __init__(self) -> None:
        self._lines: dict[int, tuple[float, socket.socket, int]] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @contextmanager
    def until(self, ends: float, line: Line, how: int) -> Iterator[None]:
        """Shut down the connection if the block is not left before a monotonic time."""
        if line is None:
            yield
            return
        with self._lock:
            self._lines[id(line)] = (ends, line, how)
            if self._thread is None or not self._thread.is_alive():  # also after a fork
                self._thread = threading.Thread(target=self._run, name="connections", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._lines.pop(id(line), None)

    def _run(self) -> None:
        while True:
            time.sleep(LOOKED_EVERY)
            now = time.monotonic()
            with self._lock:
                late = [(line, how) for ends, line, how in self._lines.values() if ends < now]
                for line, how in late:
                    with suppress(OSError):
                        line.shutdown(how)
                    self._lines.pop(id(line), None)


class Pace:
    """How far a client may fall behind the lowest rate in one direction of its connection.

    Only the time in the socket counts. A client that was faster gains nothing for later:
    it could stop and keep what its request holds.
    """

    def __init__(self, watch: ConnectionWatch, seconds: float, line: Line, how: int) -> None:
        self._watch, self._line, self._how = watch, line, how
        self._most = self._left = seconds

    @contextmanager
    def part(self, size: int) -> Iterator[None]:
        """Limit the time of the block, in which so many bytes pass through the connection."""
        began = time.monotonic()
        ends = began + self._left + size / MIN_BYTES_PER_SECOND
        with self._watch.until(ends, self._line, self._how):
            yield
        self._left = min(self._most, ends - time.monotonic())
