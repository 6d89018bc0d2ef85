"""The queue of inbound PDUs: stored in bulk first, acknowledged afterwards."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import smpp34
from django.db import DataError, InterfaceError, OperationalError

from vestnik.providers.base import Inbound, Receipt, Sink
from vestnik.providers.smpp import wire
from vestnik.providers.smpp.receipts import DeliverSmParser
from vestnik.providers.smpp.session import SEND_AGAIN, Session

log = logging.getLogger(__name__)

#: More than the database stores in a while; further PDUs are refused for now.
MOST_WAITING = 10_000
#: Deliveries per statement: they are stored in bulk, and acknowledged together.
MOST_AT_ONCE = 1_000
#: Errors of the database itself: nothing can be stored now.
AWAY = (OperationalError, InterfaceError, OSError)
#: Errors that recur whenever the delivery is repeated.
UNSTORABLE = (DataError, UnicodeError)


class Delivery(NamedTuple):
    session: Session
    sequence: int
    command: int
    event: Receipt | Inbound


class DeliverSmQueue:
    """A listener that passes PDUs to the sink and acknowledges them once they are stored."""

    def __init__(self, parser: DeliverSmParser, sink: Sink) -> None:
        self._parser, self._sink = parser, sink
        self._inbound: deque[Delivery] = deque()
        self._receipts: deque[Delivery] = deque()
        self._some = asyncio.Event()
        self._task = asyncio.create_task(self._store_forever())

    def delivered(
        self, session: Session, pdu: smpp34.DeliverSm, command: int = wire.DELIVER_SM
    ) -> None:
        event = self._parser.parse(pdu)
        if event is None:
            session.acknowledge(pdu.sequence_number, 0, command)
            return
        waiting = self._inbound if isinstance(event, Inbound) else self._receipts
        if len(waiting) >= MOST_WAITING:
            session.acknowledge(pdu.sequence_number, SEND_AGAIN, command)
            return
        waiting.append(Delivery(session, pdu.sequence_number, command, event))
        self._some.set()

    async def close(self) -> None:
        """Stop storing. What is not stored stays unacknowledged, so the SMSC repeats it."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _store_forever(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            # Inbound messages first: an opt-out must not wait behind receipts.
            while waiting := self._inbound or self._receipts:
                count = min(len(waiting), MOST_AT_ONCE)
                await self._store([waiting.popleft() for _ in range(count)])

    async def _store(self, deliveries: Sequence[Delivery]) -> None:
        """Store and acknowledge the deliveries."""
        status = 0
        try:
            await self._put([delivery.event for delivery in deliveries])
        except Exception as error:
            if len(deliveries) > 1 and not isinstance(error, AWAY):
                # One bad delivery fails the whole statement, so halving isolates it.
                middle = len(deliveries) // 2
                await self._store(deliveries[:middle])
                await self._store(deliveries[middle:])
                return
            status = self._refusal(error, len(deliveries))
        for session, sequence, command, _ in deliveries:
            session.acknowledge(sequence, status, command)

    @staticmethod
    def _refusal(error: Exception, count: int) -> int:
        """Return the status for the SMSC: 0 for what could never be stored, so that it is not
        repeated."""
        if isinstance(error, UNSTORABLE):
            log.error("a delivery is dropped, it can never be stored: %s", type(error).__name__)
            return 0
        log.warning("%d deliveries are not stored: %s", count, type(error).__name__)
        return SEND_AGAIN

    async def _put(self, event: Sequence[Receipt | Inbound]) -> None:
        if inbound := [item for item in event if isinstance(item, Inbound)]:
            await self._sink.on_inbound(inbound)
        if receipts := [item for item in event if isinstance(item, Receipt)]:
            await self._sink.on_receipts(receipts)
