"""One bound connection to an SMSC: which request waits for which response, and how it ends.

smpp34 encodes and decodes the PDUs. Its own session is not used, since it acknowledges a
`deliver_sm` before we could store it, and trusts only the system's authorities for TLS.
"""

import asyncio
import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple, Protocol, cast

import smpp34

from vestnik.providers.smpp import wire
from vestnik.providers.smpp.data_sm import as_deliver_sm
from vestnik.providers.smpp.pdu_stream import PduStream
from vestnik.providers.smpp.status import name_of

#: ESME_RX_T_APPN: the SMSC sends the PDU again later.
SEND_AGAIN = 0x64
#: ESME_RINVCMDID: the command is not supported.
NOT_FOR_US = 0x03
BINDS = {
    "transceiver": wire.BIND_TRANSCEIVER,
    "transmitter": wire.BIND_TRANSMITTER,
    "receiver": wire.BIND_RECEIVER,
}


class Answer(NamedTuple):
    """The response to a request: its status and the string at the start of its body."""

    status: int
    text: str


#: The result of a request that was not written, because its time was over.
NOT_WRITTEN = Answer(-1, "")
#: Seconds that a session without new requests stays open for outstanding responses.
LAST_ANSWERS = 5.0

#: Takes the response; None if the connection was lost before it came.
OnAnswer = Callable[[Answer | None], None]


class ConnectionLost(ConnectionError):
    """Raised when the connection is lost; the outcome of what was in flight on it is unknown."""


class BindRefused(Exception):
    """Raised when the SMSC refuses the bind."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(name_of(status))


class Listener(Protocol):
    """Takes the PDUs that the SMSC sends, and later calls `session.acknowledge`."""

    def delivered(
        self, session: "Session", pdu: smpp34.DeliverSm, command: int = wire.DELIVER_SM
    ) -> None: ...


class Session(PduStream):
    """Sends requests and takes responses, in any order.

    `usable`: new requests may be sent. `useful`, set once it is lost: it answered more than the
    bind.
    """

    def __init__(self, listener: Listener) -> None:
        super().__init__()
        self._listener = listener
        #: By sequence number: the command that was sent, and the callback for its response.
        self._waiting: dict[int, tuple[int, OnAnswer]] = {}
        self._leaving = False
        #: The sequence number of the SMSC's own `unbind`, which is answered last.
        self._unbind_of_peer: int | None = None
        self.lost: asyncio.Future[None] = self._loop.create_future()
        self.usable = self.useful = False

    def connection_lost(self, exc: Exception | None) -> None:
        self.usable = False
        left_by_us = self._leaving and self._unbind_of_peer is None
        self.useful = self._sequence - len(self._waiting) > 1 and not left_by_us
        waiting, self._waiting = self._waiting, {}
        for _, on_answer in waiting.values():
            on_answer(None)
        if not self.lost.done():
            self.lost.set_result(None)

    def send(
        self,
        make: Callable[[int], bytes],
        on_answer: OnAnswer,
        before: float = math.inf,
        command: int = wire.SUBMIT_SM,
    ) -> int:
        """Queue a PDU for this turn of the loop and return its sequence number. Raises
        ConnectionLost.

        It is written before that instant of `time.monotonic()`; otherwise the callback gets
        NOT_WRITTEN.
        """
        if self.lost.done():
            raise ConnectionLost("the line is closed")
        sequence = self.next_sequence()
        self.write(make(sequence), before, sequence)
        self._waiting[sequence] = command, on_answer
        return sequence

    def forget(self, sequences: Iterable[int]) -> None:
        """Stop waiting for these responses, which may never come."""
        for sequence in sequences:
            self._waiting.pop(sequence, None)

    async def ask(self, command: int, body: bytes = b"") -> Answer:
        """Send a request and return its response. Raises ConnectionLost."""
        future: asyncio.Future[Answer | None] = self._loop.create_future()
        make, on_answer = partial(wire.pdu, command, 0, body=body), partial(_resolve, future)
        sequence = self.send(make, on_answer, command=command)
        try:
            answer = await future
        finally:
            self.forget([sequence])
        if answer is None:
            raise ConnectionLost("the line was closed before the answer")
        return answer

    async def bind(self, kind: str, body: bytes) -> None:
        """Bind the session. Raises BindRefused or ConnectionLost."""
        status, _ = await self.ask(BINDS[kind], body)
        if status:
            raise BindRefused(status)
        self.usable = not self.lost.done()

    async def probe(self, every: float, patience: float) -> None:
        """Send `enquire_link` after each silence of `every` seconds; abort without a response."""
        while not self.lost.done():
            silent = self._loop.time() - self.received_at
            if silent < every:
                await asyncio.sleep(every - silent)
                continue
            try:
                async with asyncio.timeout(patience):
                    await self.ask(wire.ENQUIRE_LINK)
            except (TimeoutError, ConnectionLost):
                self.abort()
                return

    async def unbind(self, patience: float) -> None:
        """Unbind, and close the connection in any case."""
        try:
            if self.usable:
                self.usable = False
                async with asyncio.timeout(patience):
                    await self.ask(wire.UNBIND)
        except (TimeoutError, ConnectionLost):
            pass
        finally:
            self.close()

    def leave(self) -> None:
        """Accept no new requests, and close once all outstanding ones are answered."""
        if self.usable:
            self.usable, self._leaving = False, True
            self._loop.call_later(LAST_ANSWERS, self.abort)

    def acknowledge(self, sequence: int, status: int = 0, command: int = wire.DELIVER_SM) -> None:
        """Answer a `deliver_sm` (its message_id is unused and empty, spec 4.6.2) or a `data_sm`."""
        self._answer(command, status, sequence, b"\0")

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._waiting:
            self._finish()

    def handle(self, command: int, status: int, sequence: int, pdu: bytes) -> None:
        if command & wire.ANSWER:
            self._dispatch_response(command, status, sequence, pdu)
        elif command == wire.DELIVER_SM:
            self._deliver(sequence, pdu)
        elif command == wire.DATA_SM:
            self._take_data(sequence, pdu)
        elif command == wire.ENQUIRE_LINK:
            self._answer(command, 0, sequence)
        elif command == wire.UNBIND:
            self._end_by_unbind(sequence)
        elif command != wire.ALERT_NOTIFICATION:
            self.write(wire.pdu(wire.GENERIC_NACK, NOT_FOR_US, sequence))

    def _dispatch_response(self, command: int, status: int, sequence: int, pdu: bytes) -> None:
        """Pass a response to its request's callback."""
        # It must answer the command that was sent, or be a `generic_nack`, and its request must
        # have been written: anything else is not an answer to it.
        requested, on_answer = self._waiting.get(sequence, (0, None))
        is_answer = command in (requested | wire.ANSWER, wire.GENERIC_NACK)
        if on_answer is None or not is_answer or self.is_unwritten(sequence):
            return
        del self._waiting[sequence]
        text = wire.first_string(pdu[wire.HEADER.size :])
        on_answer(Answer(self._status_of(command, status), text))

    def _end_by_unbind(self, sequence: int) -> None:
        """Handle the SMSC's `unbind`: no new requests; outstanding ones are answered first."""
        self.usable, self._leaving = False, True
        self._unbind_of_peer = sequence
        self._loop.call_later(LAST_ANSWERS, self._finish)

    def _finish(self) -> None:
        """Close a session that is being left; its responses have come or had their time."""
        if not self._leaving or self._transport.is_closing():
            return
        if self._unbind_of_peer is None:
            self.abort()
            return
        self._answer(wire.UNBIND, 0, self._unbind_of_peer)
        self.close()

    @staticmethod
    def _status_of(command: int, status: int) -> int:
        """Return the status; a generic_nack is never a success, whatever its status says."""
        return 0xFF if command == wire.GENERIC_NACK and not status else status

    def _deliver(self, sequence: int, pdu: bytes) -> None:
        try:
            decoded = smpp34.decode(pdu)
        except smpp34.SmppError:
            self.acknowledge(sequence, NOT_FOR_US)
            return
        self._listener.delivered(self, cast(smpp34.DeliverSm, decoded))

    def _take_data(self, sequence: int, pdu: bytes) -> None:
        try:
            decoded = as_deliver_sm(pdu)
        except smpp34.SmppError:
            self.acknowledge(sequence, NOT_FOR_US, wire.DATA_SM)
            return
        self._listener.delivered(self, decoded, wire.DATA_SM)

    def _answer(self, command: int, status: int, sequence: int, body: bytes = b"") -> None:
        self.write(wire.pdu(command | wire.ANSWER, status, sequence, body))

    def keep_back(self, sequences: Iterable[int]) -> None:
        for sequence in sequences:
            _, on_answer = self._waiting.pop(sequence, (0, None))
            if on_answer is not None:
                on_answer(NOT_WRITTEN)


def _resolve(future: asyncio.Future[Answer | None], answer: Answer | None) -> None:
    if not future.done():
        future.set_result(answer)
