"""What is left of a batch that has been sent: answers that are slow, or lost.

They hold no slot of the dispatcher, so another batch is sent meanwhile: at one answer lost in a
thousand, each batch had held its place until the deadline of its last message.
"""

import threading
from typing import Protocol

import structlog
from django.db import connection

from vestnik.dispatch.send.flight import SHORTEST_ANSWER_WAIT, Flight, wait_for_any

log = structlog.get_logger(__name__)


class DrainingSender(Protocol):
    """A batch sender that sends no further flight."""

    in_flight: list[Flight]

    def send(self) -> bool: ...


class Stragglers:
    """The draining senders of a dispatcher, collected by one thread while there are any."""

    def __init__(self) -> None:
        self._senders: list[DrainingSender] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def messages_in_flight(self) -> int:
        """How many messages of theirs are out."""
        with self._lock:
            return sum(len(flight.out) for sender in self._senders for flight in sender.in_flight)

    def add(self, sender: DrainingSender) -> None:
        """Record what is still to come of it, and let its batch go."""
        with self._lock:
            self._senders.append(sender)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._collect_until_done, name="stragglers", daemon=True
                )
                self._thread.start()

    def finish(self, seconds: float) -> None:
        """Wait until all are recorded, or so long."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)

    def _collect_until_done(self) -> None:
        while senders := self._remaining():
            wait_for_any(
                [flight for sender in senders for flight in sender.in_flight], SHORTEST_ANSWER_WAIT
            )
            for sender in senders:
                if self._is_recorded(sender):
                    with self._lock:
                        self._senders.remove(sender)

    def _remaining(self) -> list[DrainingSender]:
        with self._lock:
            if not self._senders:
                connection.close()
                self._thread = None
            return [*self._senders]

    @staticmethod
    def _is_recorded(sender: DrainingSender) -> bool:
        try:
            return sender.send()
        except Exception:  # its lease runs out, and says so
            log.exception("a batch was not recorded to its end")
            return True
