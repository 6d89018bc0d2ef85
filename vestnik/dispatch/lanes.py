"""A lane for each provider in each worker process: how its batches share the process.

Each lane sends a few batches at once and no more, so a slow provider holds up nobody else's
mailing. A lane works for as long as there is work and then for a slice of time; a hint starts it
again.
"""

import threading
import time
from collections.abc import Callable

import structlog
from django.db import close_old_connections

from vestnik.dispatch import claims, hints
from vestnik.dispatch.breaker import Breaker
from vestnik.dispatch.flights import PATIENCE
from vestnik.dispatch.hands import Hands
from vestnik.dispatch.meters import meters
from vestnik.dispatch.rests import Rests
from vestnik.dispatch.sending import DATABASE_AWAY, Course, Crew, lease_of
from vestnik.dispatch.tails import Tails
from vestnik.providers.registry import described

log = structlog.get_logger(__name__)

# Two batches fill each other's gaps: one is recorded while the other's flight is out.
BATCHES_AT_ONCE = 2
SLICE = 10.0
# An idle lane waits for what is due so soon, rather than for the next tick's hint.
LINGER = 1.0
BREATH = 0.01


class Lane:
    """The batches of one provider in this process."""

    def __init__(self, alias: str, hands: Hands, stopping: Callable[[], bool]) -> None:
        self.alias = alias
        provider = described(alias)
        self._breaker = Breaker(alias, lease_of(provider))
        self._rests, self._tails = Rests(), Tails()
        self._crew = Crew(provider, hands, self._breaker, meters(), stopping, self._rests)
        self._places = threading.BoundedSemaphore(BATCHES_AT_ONCE)
        self._woken = threading.Condition()
        self._sent: set[int] = set()

    def work(self) -> None:
        """Send batches until there are none or the time slice is over."""
        if not self._places.acquire(blocking=False):
            with self._woken:
                self._woken.notify_all()
            return
        try:
            self._work_until(time.monotonic() + SLICE)
        finally:
            self._places.release()

    def _work_until(self, end: float) -> None:
        while not self._crew.stopping():
            if time.monotonic() >= end:
                hints.give("vestnik.work", self.alias)
                return
            try:
                if not self._send_one() and not self._linger():
                    return
            except DATABASE_AWAY as trouble:
                # The tick calls again once the database is back.
                log.warning("database away", lane=self.alias, trouble=type(trouble).__name__)
                close_old_connections()
                return

    def finish(self) -> None:
        """Wait for the answers that are out: their deadlines end that."""
        self._tails.finish(self._crew.lease)

    def _send_one(self) -> bool:
        resting = self._rests.now()
        if None in resting or self._is_full() or self._is_parked():
            return False
        try:
            batch = claims.claim(
                self.alias,
                self._crew.lease,
                [mailing for mailing in resting if mailing is not None],
                receipts=self._crew.provider.gives_receipts,
            )
            if batch is not None:
                self._send(batch)
            return batch is not None
        finally:
            self._breaker.forgo()

    def _send(self, batch: claims.Claim) -> None:
        course = Course(self._crew, batch)
        if not course.send():
            self._tails.take(course)
        self._sent.add(batch.mailing_id)

    def _is_full(self) -> bool:
        """Slow and lost answers hold their places in the window: half of it at the most."""
        return 2 * self._tails.out > self._crew.provider.window

    def _see_whether_done(self) -> None:
        """Have the mailings looked at of which nothing is left to claim: they may be finished.

        One that rests has more to send. Looked at in each of its rests, a mailing of 90 messages a
        second kept a core busy with 180 hints a second.
        """
        resting = self._rests.now()
        for mailing in self._sent - resting:
            hints.give("vestnik.look_at", mailing)
        self._sent &= resting

    def _is_parked(self) -> bool:
        wait = self._breaker.wait()
        if wait:
            self._rests.add(None, wait)
        return wait > 0

    def _linger(self) -> bool:
        """Wait for what is due soon; False where nothing is."""
        self._see_whether_done()
        if self._is_full():
            time.sleep(PATIENCE)  # answers come or run out meanwhile
            return True
        if claims.wake():
            return True
        wait = self._next_due()
        if wait is None or wait > LINGER:
            return False
        with self._woken:
            self._woken.wait(max(wait, BREATH))
        return True

    def _next_due(self) -> float | None:
        waits = self._rests.waits()
        waiting = claims.next_due(self.alias)
        return min([*waits, *([] if waiting is None else [waiting])], default=None)
