"""The dispatcher of one provider in one worker process claims and sends its batches.

It sends two batches at once (decision 0022) and works as long as there is work, at most for a slice
of time. A wake-up starts it again.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress

import structlog
from django.db import close_old_connections

from vestnik import env
from vestnik.dispatch.record import claims, due_messages
from vestnik.dispatch.send.batch_recorder import DATABASE_AWAY
from vestnik.dispatch.send.batch_sender import BatchSender
from vestnik.dispatch.send.circuit_breaker import CircuitBreaker
from vestnik.dispatch.send.cooldowns import Cooldowns
from vestnik.dispatch.send.flight import SHORTEST_ANSWER_WAIT
from vestnik.dispatch.send.permits import Allowance
from vestnik.dispatch.send.provider_pool import ProviderPool
from vestnik.dispatch.send.rate_limit import Grant
from vestnik.dispatch.send.send_context import SendContext, lease_of
from vestnik.dispatch.send.stragglers import Stragglers
from vestnik.dispatch.signals import wakeups
from vestnik.dispatch.signals.metrics import counters
from vestnik.providers.registry import describe

log = structlog.get_logger(__name__)

#: Two batches fill each other's gaps: one is recorded while the other's flight is out.
BATCHES_AT_ONCE = 2
#: Seconds after which a dispatcher gives its thread back to Celery, so other tasks get their turn.
SLICE = 10.0
#: In seconds. An idle dispatcher waits up to LONGEST_IDLE for a batch to become due; for a later
#: one, the scheduler publishes a wake-up. It never waits for less than SHORTEST_IDLE.
LONGEST_IDLE = 1.0
SHORTEST_IDLE = 0.01
#: Seconds between two promotions of waiting batches by one dispatcher.
PROMOTE_EVERY = 0.25
#: Seconds between two wake-ups for other dispatchers. Receiving a task costs a worker 3 to 4 ms,
#: and each dispatcher that starts would wake another one: 210 tasks for 200,000 messages, a tenth
#: of all computing time.
WAKE_OTHERS_EVERY = 0.5
#: The share of threads that dispatchers may hold; the rest launches, enlists, closes and polls.
DISPATCHER_SHARE = 0.75
#: Seconds that an idle dispatcher keeps its only thread although another provider waits for one.
SHORTEST_STAY = 1.0


class DispatcherThreads:
    """The threads that the dispatchers of a worker process share: never all of its threads.

    With a rate limit a dispatcher waits in its thread most of the time. When dispatchers could take
    all threads of the process, no other task ran, and mailings started seconds late.
    """

    def __init__(self, most: int | None = None) -> None:
        self._lock = threading.Lock()
        self._limit = most or share_of(env.number("WORKER_CONCURRENCY", 16))
        self._used = self._waiting = 0

    def resize(self, pool_size: int) -> None:
        """Set the limit by the real number of threads.

        Celery's command line may give another number than WORKER_CONCURRENCY.
        """
        with self._lock:
            self._limit = share_of(pool_size)

    def acquire(self) -> bool:
        """Take a thread and return True; if none is free, ask an idle dispatcher to give one up."""
        with self._lock:
            if self._used >= self._limit:
                self._waiting += 1
                return False
            self._used += 1
            return True

    def release(self) -> None:
        """Give a thread back. The scheduler wakes a dispatcher that got none and has work."""
        with self._lock:
            self._used -= 1
            self._waiting = max(0, self._waiting - 1)

    def should_yield(self, *, has_siblings: bool, held_for: float) -> bool:
        """Return whether an idle dispatcher should give this thread to a waiting one.

        It should if it has another thread, or has held this one for SHORTEST_STAY seconds.
        """
        if not self._waiting or not (has_siblings or held_for > SHORTEST_STAY):
            return False
        with self._lock:
            waiting, self._waiting = self._waiting, max(0, self._waiting - 1)
            return waiting > 0


def share_of(threads: int) -> int:
    """Return how many of a process's threads dispatchers may hold."""
    return max(1, int(DISPATCHER_SHARE * threads))


class Dispatcher:
    """The batches of one provider in this process."""

    def __init__(
        self,
        alias: str,
        pool: ProviderPool,
        stopping: Callable[[], bool],
        threads: DispatcherThreads | None = None,
    ) -> None:
        self.alias, self._threads = alias, threads or DispatcherThreads()
        provider = describe(alias)
        self._breaker = CircuitBreaker(alias, lease_of(provider))
        self._cooldowns, self._stragglers = Cooldowns(), Stragglers()
        self._context = SendContext(
            provider, pool, self._breaker, counters(), stopping, self._cooldowns
        )
        self._fair_queue = self._context.fair_queue
        self._slots = threading.BoundedSemaphore(BATCHES_AT_ONCE)
        self._wakeup = threading.Condition()
        self._weight = 1
        self._promoted_at = 0.0
        self._woke_others_at = -WAKE_OTHERS_EVERY

    def work(self) -> None:
        """Send batches until there are none or the time slice is over."""
        self._fair_queue.has_news = True
        if not self._slots.acquire(blocking=False):
            with self._wakeup:
                self._wakeup.notify_all()
            return
        try:
            if self._threads.acquire():
                try:
                    self._work_until(time.monotonic() + SLICE)
                finally:
                    self._threads.release()
        finally:
            self._slots.release()

    def _work_until(self, end: float) -> None:
        has_woken_others = False
        while not self._context.stopping():
            if time.monotonic() >= end:
                wakeups.publish("vestnik.work", self.alias)
                return
            try:
                if self._send_one():
                    has_woken_others = has_woken_others or self._wake_others()
                elif self._should_yield(end) or not self._wait_for_work():
                    return
            except DATABASE_AWAY as trouble:
                # The scheduler publishes a wake-up once the database is back.
                log.warning("database away", provider=self.alias, trouble=type(trouble).__name__)
                close_old_connections()
                return

    def _wake_others(self) -> bool:
        """Publish a wake-up for another process; return False if the last one is too recent.

        A rate-limited provider needs no second process.
        """
        if self._context.provider.max_rate:
            return True
        now = time.monotonic()
        if now - self._woke_others_at < WAKE_OTHERS_EVERY:
            return False
        self._woke_others_at = now
        wakeups.wake_dispatchers(self.alias, dispatchers=1)
        return True

    def _should_yield(self, end: float) -> bool:
        """Return whether to give this idle thread to another dispatcher."""
        has_free_slot = self._slots.acquire(blocking=False)
        if has_free_slot:
            self._slots.release()
        held_for = SLICE - (end - time.monotonic())
        return self._threads.should_yield(has_siblings=not has_free_slot, held_for=held_for)

    def finish(self) -> None:
        """Wait for missing answers, at most until their deadlines."""
        self._stragglers.finish(self._context.lease)

    def _send_one(self) -> bool:
        """Send a batch; return False if nothing may be sent now or there is none to claim."""
        allowance = Allowance(self._context.provider, self._weight)
        try:
            return self._claim_and_send(allowance)
        finally:
            allowance.give_back()

    def _claim_and_send(self, allowance: Allowance) -> bool:
        """Claim the next batch and send it; return False without one, or if a limit forbids it.

        A batch is claimed once the provider's rate limit grants permits (decision 0020).
        """
        cooling_down = self._cooldowns.active()
        if None in cooling_down or self._is_full():
            return False
        provider = self._context.provider
        with self._breaker.admit() as wait:
            window = 1 if self._breaker.is_probing else provider.window
            grant = Grant(0 if wait else window, wait)
            if provider.max_rate and not wait:
                grant = allowance.reserve(window)
            if not grant.granted:
                self._cooldowns.add(None, grant.wait)
                return False
            batch = claims.claim(
                self.alias,
                self._context.lease,
                [mailing for mailing in cooling_down if mailing is not None],
                receipts=provider.gives_receipts,
                order=self._fair_queue.claim_order(grant.granted),
            )
            if batch is None:
                return False
            is_limited = provider.max_rate or batch.rate_limit
            most = 2 * provider.window if is_limited else due_messages.NO_LIMIT
            due = due_messages.load_due(batch, most)
            sender = BatchSender(self._context, batch, due, allowance)
            if not sender.send():
                self._stragglers.add(sender)
            self._weight = allowance.weight
            return True

    def _is_full(self) -> bool:
        """Return whether missing answers hold too much of the window to send another batch.

        They may hold half of the window; with a rate limit all but one place, since each turn
        leaves its last answers behind.
        """
        provider = self._context.provider
        return self._stragglers.messages_in_flight > (
            provider.window - 1 if provider.max_rate else provider.window // 2
        )

    def _wake_fully_sent(self) -> None:
        """Publish a wake-up if batches were fully sent: their mailings may be finished."""
        with suppress(KeyError):  # another thread may take the last one
            mailing = self._context.fully_sent.pop()
            self._context.fully_sent.clear()  # one task finishes all
            wakeups.finish_soon(mailing)

    def _wait_for_work(self) -> bool:
        """Wait for work that is due soon; return False if there is none."""
        self._wake_fully_sent()
        if self._is_full():
            time.sleep(SHORTEST_ANSWER_WAIT)  # answers arrive or reach their deadline meanwhile
            return True
        if self._promote_due():
            return True
        wait = self._next_due()
        if wait is None or wait > LONGEST_IDLE:
            return False
        with self._wakeup:
            self._wakeup.wait(max(wait, SHORTEST_IDLE))
        return True

    def _promote_due(self) -> int:
        """Make due batches ready, at most every `PROMOTE_EVERY` seconds."""
        if time.monotonic() - self._promoted_at < PROMOTE_EVERY:
            return 0
        self._promoted_at = time.monotonic()
        return claims.promote_due()

    def _next_due(self) -> float | None:
        waits = self._cooldowns.remaining()
        if waits and min(waits) <= PROMOTE_EVERY:
            return min(waits)
        waiting = claims.next_due(self.alias)
        return min([*waits, *([] if waiting is None else [waiting])], default=None)
