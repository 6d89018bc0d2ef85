"""A provider that accepts all messages and records the departures."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings

from vestnik.dispatch.receive.sink import DatabaseSink
from vestnik.dispatch.record import claims
from vestnik.dispatch.record.due_messages import load_due
from vestnik.dispatch.send.batch_sender import BatchSender
from vestnik.dispatch.send.circuit_breaker import CircuitBreaker
from vestnik.dispatch.send.cooldowns import Cooldowns
from vestnik.dispatch.send.provider_pool import ProviderPool
from vestnik.dispatch.send.send_context import SendContext
from vestnik.dispatch.signals.metrics import counters
from vestnik.providers.base import (
    Accepted,
    Connection,
    OutboundMessage,
    Outcome,
    Provider,
    Sink,
    TooLate,
)
from vestnik.providers.registry import describe

ALIAS = "recorder"
LEASE = 30.0
MOST_BATCHES = 60


@dataclass(frozen=True)
class Departure:
    """A message that departed. Times are monotonic."""

    message_id: int
    phone_number: str
    text: str
    departed_at: float
    #: The mailing's end at the flight's mark.
    expires_at: float


#: All departures, in order.
departures: list[Departure] = []


class Recorder(Provider):
    """Accepts messages, with ids by which receipts find them."""

    window = 100

    async def connect(self, sink: Sink) -> "RecorderConnection":
        return RecorderConnection(self)


class RecorderConnection(Connection[Recorder]):
    """Records departures."""

    async def hand_over(self, message: OutboundMessage) -> Outcome:
        message.mark_departed()
        note(message)
        return Accepted(f"id-{message.message_id}")

    async def hand_over_all(self, flight: Sequence[OutboundMessage]) -> list[Outcome | None]:
        return [await self._take(message) for message in flight]

    async def _take(self, message: OutboundMessage) -> Outcome | None:
        try:
            return await self.hand_over(message)
        except TooLate:
            return None


def note(message: OutboundMessage) -> None:
    """Record the departure."""
    departures.append(
        Departure(
            message.message_id,
            message.phone_number,
            message.text,
            message.departed_at or time.monotonic(),
            message.expires_at,
        )
    )


class Worker:
    """A worker's sending, without its loops."""

    def __init__(self) -> None:
        self._pool = ProviderPool(DatabaseSink())

    def close(self) -> None:
        self._pool.close()

    def send_one(self) -> bool:
        """Claim a batch and send it; return False without one."""
        provider = describe(ALIAS)
        breaker = CircuitBreaker(ALIAS, LEASE)
        context = SendContext(provider, self._pool, breaker, counters(), lambda: False, Cooldowns())
        claim = claims.claim(ALIAS, LEASE, receipts=True)
        if claim is None:
            return False
        sender = BatchSender(context, claim, load_due(claim))
        while not sender.send():
            time.sleep(0.001)  # the answers are on their way
        return True

    def send_all(self) -> None:
        for _ in range(MOST_BATCHES):
            if not self.send_one():
                return


@contextmanager
def recorder() -> Iterator[None]:
    """Configure the recorder as a provider during the block."""
    before = settings.SMS_PROVIDERS
    backend = f"{Recorder.__module__}.{Recorder.__qualname__}"
    settings.SMS_PROVIDERS = before | {ALIAS: {"BACKEND": backend, "OPTIONS": {}}}
    describe.cache_clear()
    try:
        yield
    finally:
        settings.SMS_PROVIDERS = before
        describe.cache_clear()
