"""What the SMSC sends by itself: stored in bulk first, acknowledged after."""

import asyncio
import logging
from collections import deque
from typing import NamedTuple

import smpp34

from vestnik.providers.base import Inbound, Receipt, Sink
from vestnik.providers.smpp.receipts import Ears
from vestnik.providers.smpp.session import SEND_AGAIN, Session

log = logging.getLogger(__name__)

#: More than the database takes in a while; what comes on top is asked for again later.
MOST_WAITING = 10_000
MOST_AT_ONCE = 1_000


class Delivery(NamedTuple):
    session: Session
    sequence: int
    heard: Receipt | Inbound | None


class Intake:
    """A listener that hands over to the sink and acknowledges what the sink has stored."""

    def __init__(self, ears: Ears, sink: Sink) -> None:
        self._ears, self._sink = ears, sink
        self._waiting: deque[Delivery] = deque()
        self._some = asyncio.Event()
        self._task = asyncio.create_task(self._store_forever())

    def delivered(self, session: Session, pdu: smpp34.DeliverSm) -> None:
        if len(self._waiting) >= MOST_WAITING:
            session.acknowledge(pdu.sequence_number, SEND_AGAIN)
            return
        self._waiting.append(Delivery(session, pdu.sequence_number, self._ears.hear(pdu)))
        self._some.set()

    async def close(self) -> None:
        """What is not stored stays unacknowledged: the SMSC sends it again."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _store_forever(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            while self._waiting:
                count = min(len(self._waiting), MOST_AT_ONCE)
                await self._store([self._waiting.popleft() for _ in range(count)])

    async def _store(self, deliveries: list[Delivery]) -> None:
        heard = [delivery.heard for delivery in deliveries]
        status = 0
        try:
            if receipts := [item for item in heard if isinstance(item, Receipt)]:
                await self._sink.on_receipts(receipts)
            if inbound := [item for item in heard if isinstance(item, Inbound)]:
                await self._sink.on_inbound(inbound)
        except Exception as error:
            log.warning("%d deliveries are not stored: %s", len(heard), type(error).__name__)
            status = SEND_AGAIN
        for session, sequence, _ in deliveries:
            session.acknowledge(sequence, status)
