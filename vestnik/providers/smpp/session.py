"""One bound connection to an SMSC: framing, sequence numbers, and who waits for which response.

smpp34 encodes and decodes the PDUs. Its own session is not used, since it acknowledges a
`deliver_sm` before we could store it, and trusts only the system's authorities for TLS.
"""

import asyncio
import math
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple, Protocol, cast

import smpp34

from vestnik.providers.smpp import wire
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
#: The range of sequence numbers (SMPP 3.4, 5.1.4).
SEQUENCES = 0x7FFFFFFF
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


class Session(asyncio.Protocol):
    """Sends requests and takes responses, in any order.

    `usable`: new requests may be sent. `useful`, set once it is lost: it answered more than the
    bind.
    """

    _transport: asyncio.Transport

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._rest, self._sequence, self._written = b"", 0, 0
        #: Octets, the instant from which they must not be written, and their sequence number.
        self._out: list[tuple[bytes, float, int]] = []
        #: By sequence number: the command that was sent, and the callback for its response.
        self._waiting: dict[int, tuple[int, OnAnswer]] = {}
        self._leaving = False
        #: The sequence number of the SMSC's own `unbind`, which is answered last.
        self._unbind_of_peer: int | None = None
        self._loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[None] = self._loop.create_future()
        self.usable = self.useful = False
        self.received_at = self._loop.time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are not its subclasses

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
        self._sequence = sequence = self._sequence % SEQUENCES + 1
        self._write(make(sequence), before, sequence)
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
            self._flush()
            self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def leave(self) -> None:
        """Accept no new requests, and close once all outstanding ones are answered."""
        if self.usable:
            self.usable, self._leaving = False, True
            self._loop.call_later(LAST_ANSWERS, self.abort)

    def acknowledge(self, sequence: int, status: int = 0, command: int = wire.DELIVER_SM) -> None:
        """Answer a `deliver_sm` (its message_id is unused and empty, spec 4.6.2) or a `data_sm`."""
        self._answer(command, status, sequence, b"\0")

    def data_received(self, data: bytes) -> None:
        self.received_at = self._loop.time()
        data = self._rest + data if self._rest else data
        at, end = 0, len(data)
        while end - at >= wire.HEADER.size:
            length, command, status, sequence = wire.HEADER.unpack_from(data, at)
            # The stream is out of step: no later PDU could be found.
            if not wire.HEADER.size <= length <= wire.LONGEST_PDU:
                self.abort()
                return
            if end - at < length:
                break
            self._handle(command, status, sequence, data[at : at + length])
            at += length
        self._rest = data[at:]
        if not self._waiting:
            self._finish()

    def _handle(self, command: int, status: int, sequence: int, pdu: bytes) -> None:
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
            self._write(wire.pdu(wire.GENERIC_NACK, NOT_FOR_US, sequence))

    def _dispatch_response(self, command: int, status: int, sequence: int, pdu: bytes) -> None:
        """Pass a response to its request's callback."""
        # It must answer the command that was sent, or be a `generic_nack`, and its request must
        # have been written: anything else is not an answer to it.
        requested, on_answer = self._waiting.get(sequence, (0, None))
        is_answer = command in (requested | wire.ANSWER, wire.GENERIC_NACK)
        if on_answer is None or not is_answer or self._is_unwritten(sequence):
            return
        del self._waiting[sequence]
        text = wire.first_string(pdu[wire.HEADER.size :])
        on_answer(Answer(self._status_of(command, status), text))

    def _is_unwritten(self, sequence: int) -> bool:
        """Return whether the request is still queued."""
        # Sequence numbers are consecutive, so queued requests are a range of them.
        waiting = (self._sequence - self._written) % SEQUENCES
        return 0 < (sequence - self._written) % SEQUENCES <= waiting

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
        self._flush()
        self._transport.close()

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
            decoded = data_sm(pdu)
        except smpp34.SmppError:
            self.acknowledge(sequence, NOT_FOR_US, wire.DATA_SM)
            return
        self._listener.delivered(self, decoded, wire.DATA_SM)

    def _answer(self, command: int, status: int, sequence: int, body: bytes = b"") -> None:
        self._write(wire.pdu(command | wire.ANSWER, status, sequence, body))

    def _write(self, octets: bytes, before: float = math.inf, sequence: int = 0) -> None:
        """Queue octets to be written at the end of this turn of the loop."""
        # One system call per PDU costs two thirds of the throughput.
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append((octets, before, sequence))

    def _flush(self) -> None:
        """Write what is queued and still in time."""
        out, self._out = self._out, []
        self._written = self._sequence
        now = time.monotonic()
        # Checked right before the system call: the process may have been suspended since its
        # messages departed.
        timely = [octets for octets, before, _ in out if now < before]
        if timely and not self._transport.is_closing():
            self._transport.write(b"".join(timely))
        if len(timely) < len(out):
            self._keep_back(sequence for _, before, sequence in out if now >= before)

    def _keep_back(self, sequences: Iterable[int]) -> None:
        for sequence in sequences:
            _, on_answer = self._waiting.pop(sequence, (0, None))
            if on_answer is not None:
                on_answer(NOT_WRITTEN)


def data_sm(pdu: bytes) -> smpp34.DeliverSm:
    """Convert a `data_sm` to an equivalent `deliver_sm` (spec 4.7.1); its text is a parameter.

    Raises SmppError.
    """
    words, rest = [], pdu[wire.HEADER.size :]
    service_type, _, rest = rest.partition(b"\0")
    for _ in ("source", "destination"):
        address, end, after = rest[2:].partition(b"\0")
        if not end:
            raise smpp34.SmppError("a data_sm without its addresses")
        words.append((rest[:2], address))
        rest = after
    if len(rest) < 3:
        raise smpp34.SmppError("a data_sm without its fields")
    (source_kind, source), (to_kind, to) = words
    body = service_type + b"\0" + source_kind + source + b"\0" + to_kind + to + b"\0"
    # esm_class; protocol_id and priority; no times; registered_delivery, replace_if_present,
    # data_coding, sm_default_msg_id; an empty short_message.
    body += rest[:1] + b"\0\0" + b"\0\0" + rest[1:2] + b"\0" + rest[2:3] + b"\0\0" + rest[3:]
    sequence = wire.HEADER.unpack_from(pdu)[3]
    return cast(smpp34.DeliverSm, smpp34.decode(wire.pdu(wire.DELIVER_SM, 0, sequence, body)))


def _resolve(future: asyncio.Future[Answer | None], answer: Answer | None) -> None:
    if not future.done():
        future.set_result(answer)
