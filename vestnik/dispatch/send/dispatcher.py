"""A lane for each provider in each worker process: how its batches share the process.

Each lane sends a few batches at once and no more, so a slow provider holds up nobody else's
mailing. A lane works for as long as there is work and then for a slice of time; a hint starts it
again.
"""

import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress

import structlog
from django.db import close_old_connections

from vestnik.dispatch.record import claims
from vestnik.dispatch.send.batch_sender import (
    DATABASE_AWAY,
    LONGEST_PACE_WAIT,
    REDIS_WAIT,
    Course,
    Crew,
    lease_of,
)
from vestnik.dispatch.send.circuit_breaker import Breaker
from vestnik.dispatch.send.cooldowns import Rests
from vestnik.dispatch.send.dispatcher_threads import LaneThreads, lane_threads
from vestnik.dispatch.send.flight import PATIENCE
from vestnik.dispatch.send.permits import Allowance
from vestnik.dispatch.send.provider_pool import Hands
from vestnik.dispatch.send.rate_limit import PacingAway, Permits
from vestnik.dispatch.send.stragglers import Tails
from vestnik.dispatch.signals import wakeups
from vestnik.dispatch.signals.metrics import meters
from vestnik.providers.registry import described

log = structlog.get_logger(__name__)

# Two batches fill each other's gaps: one is recorded while the other's flight is out.
BATCHES_AT_ONCE = 2
SLICE = 10.0
# An idle lane waits for what is due so soon, rather than for the next tick's hint.
LINGER = 1.0
BREATH = 0.01
# How often a lane looks for what waits and is due again.
WAKE_EVERY = 0.25


class Lane:
    """The batches of one provider in this process."""

    def __init__(
        self,
        alias: str,
        hands: Hands,
        stopping: Callable[[], bool],
        threads: LaneThreads | None = None,
    ) -> None:
        self.alias, self._threads = alias, threads or lane_threads()
        provider = described(alias)
        self._breaker = Breaker(alias, lease_of(provider))
        self._rests, self._tails = Rests(), Tails()
        self._crew = Crew(provider, hands, self._breaker, meters(), stopping, self._rests)
        self._turns = self._crew.turns
        self._places = threading.BoundedSemaphore(BATCHES_AT_ONCE)
        self._woken = threading.Condition()
        self._weight = 1
        self._woke_at = 0.0

    def work(self) -> None:
        """Send batches until there are none or the time slice is over."""
        self._turns.announce()
        if not self._places.acquire(blocking=False):
            with self._woken:
                self._woken.notify_all()
            return
        try:
            if self._threads.enter():
                try:
                    self._work_until(time.monotonic() + SLICE)
                finally:
                    self._threads.leave()
        finally:
            self._places.release()

    def _work_until(self, end: float) -> None:
        has_called = bool(self._crew.provider.max_rate)
        while not self._crew.stopping():
            if time.monotonic() >= end:
                wakeups.give("vestnik.work", self.alias)
                return
            try:
                sent = self._send_one()
                if sent and not has_called:  # where one has work, others may
                    wakeups.call_to_work(self.alias, hands=1)
                    has_called = True
                if not sent and (self._makes_room(end) or not self._linger()):
                    return
            except DATABASE_AWAY as trouble:
                # The tick calls again once the database is back.
                log.warning("database away", lane=self.alias, trouble=type(trouble).__name__)
                close_old_connections()
                return

    def _makes_room(self, end: float) -> bool:
        """Whether another lane gets this thread, of those that do nothing just now."""
        others = self._places.acquire(blocking=False)
        if others:
            self._places.release()
        stayed = SLICE - (end - time.monotonic())
        return self._threads.make_room(is_one_of_many=not others, stayed=stayed)

    def finish(self) -> None:
        """Wait for the answers that are out: their deadlines end that."""
        self._tails.finish(self._crew.lease)

    def _send_one(self) -> bool:
        resting = self._rests.now()
        if None in resting or self._is_full() or self._is_parked():
            return False
        allowance = Allowance(self._crew.provider, self._weight)
        try:
            batch = self._claim(allowance, resting)
            if batch is not None:
                self._send(batch, allowance)
                self._weight = allowance.weight
            return batch is not None
        finally:
            self._breaker.forgo()
            allowance.give_back()

    def _claim(self, allowance: Allowance, resting: Collection[int | None]) -> claims.Claim | None:
        """The batch whose turn it is, once there are permits of the provider's pace."""
        window = 1 if self._breaker.probing else self._crew.provider.window
        try:
            permits = allowance.fill(window)
        except PacingAway:
            permits = Permits(0, REDIS_WAIT)
        if not permits.granted:
            self._rests.add(None, min(permits.wait, LONGEST_PACE_WAIT))
            return None
        return claims.claim(
            self.alias,
            self._crew.lease,
            [mailing for mailing in resting if mailing is not None],
            receipts=self._crew.provider.gives_receipts,
            order=self._turns.order(permits.granted),
        )

    def _send(self, batch: claims.Claim, allowance: Allowance) -> None:
        course = Course(self._crew, batch, allowance)
        if not course.send():
            self._tails.take(course)

    def _is_full(self) -> bool:
        """Slow and lost answers hold their places in the window: half of it at the most. Under a
        pace all that is out is left to be answered beside what goes on."""
        provider = self._crew.provider
        return self._tails.out > (
            provider.window - 1 if provider.max_rate else provider.window // 2
        )

    def _see_whether_done(self) -> None:
        """Have the mailings looked at of which a batch is through: they may be finished."""
        with suppress(KeyError):  # another thread may take the last one
            while self._crew.through:
                wakeups.give("vestnik.look_at", self._crew.through.pop())

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
        if self._wake():
            return True
        wait = self._next_due()
        if wait is None or wait > LINGER:
            return False
        with self._woken:
            self._woken.wait(max(wait, BREATH))
        return True

    def _wake(self) -> int:
        """Now and then: a pace's rests are many, and the tick does it as well."""
        if time.monotonic() - self._woke_at < WAKE_EVERY:
            return 0
        self._woke_at = time.monotonic()
        return claims.wake()

    def _next_due(self) -> float | None:
        waits = self._rests.waits()
        if waits and min(waits) <= WAKE_EVERY:
            return min(waits)
        waiting = claims.next_due(self.alias)
        return min([*waits, *([] if waiting is None else [waiting])], default=None)
