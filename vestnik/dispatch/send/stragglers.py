"""What is left of a batch that has been sent: answers that are slow, or lost.

They hold no place of the lane, in which another batch is sent meanwhile: at one answer lost in a
thousand, each batch had held its place until the deadline of its last message.
"""

import threading
from typing import Protocol

import structlog
from django.db import connection

from vestnik.dispatch.send.flight import PATIENCE, Flight, wait_for_any

log = structlog.get_logger(__name__)


class Tail(Protocol):
    """A course of which nothing leaves any more."""

    out: list[Flight]

    def send(self) -> bool: ...


class Tails:
    """A lane's tails, looked after by one thread for as long as there are some."""

    def __init__(self) -> None:
        self._tails: list[Tail] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def out(self) -> int:
        """How many messages of theirs are out."""
        with self._lock:
            return sum(len(flight.out) for tail in self._tails for flight in tail.out)

    def take(self, tail: Tail) -> None:
        """Record what is still to come of it, and let its batch go."""
        with self._lock:
            self._tails.append(tail)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._tend, name="tails", daemon=True)
                self._thread.start()

    def finish(self, seconds: float) -> None:
        """Wait until all are recorded, or so long."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)

    def _tend(self) -> None:
        while tails := self._left():
            wait_for_any([flight for tail in tails for flight in tail.out], PATIENCE)
            for tail in tails:
                if self._is_recorded(tail):
                    with self._lock:
                        self._tails.remove(tail)

    def _left(self) -> list[Tail]:
        with self._lock:
            if not self._tails:
                connection.close()
                self._thread = None
            return [*self._tails]

    @staticmethod
    def _is_recorded(tail: Tail) -> bool:
        try:
            return tail.send()
        except Exception:  # its lease runs out, and says so
            log.exception("a batch was not recorded to its end")
            return True
