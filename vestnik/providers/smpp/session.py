"""One bound connection to an SMSC: framing, sequence numbers, who waits for which answer.

PDUs are encoded and decoded by smpp34. The session is our own because smpp34's acknowledges a
`deliver_sm` before we could store it, and takes no authority for TLS but the system's.
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

#: The SMSC sends it again later (ESME_RX_T_APPN).
SEND_AGAIN = 0x64
NOT_FOR_US = 0x03
BINDS = {
    "transceiver": wire.BIND_TRANSCEIVER,
    "transmitter": wire.BIND_TRANSMITTER,
    "receiver": wire.BIND_RECEIVER,
}


class Answer(NamedTuple):
    """What came back for a request: its status and the string with which its body begins."""

    status: int
    text: str


#: What a request that was not written hears: by then its time was over.
NOT_WRITTEN = Answer(-1, "")
SEQUENCES = 0x7FFFFFFF
#: A session that is left stays for so long at most for what is still in flight on it.
LAST_ANSWERS = 5.0

#: Takes the answer to a request; None where the line was lost before it came.
OnAnswer = Callable[[Answer | None], None]


class ConnectionLost(ConnectionError):
    """The connection is gone; whatever was in flight on it is in doubt."""


class BindRefused(Exception):
    """The SMSC does not let us bind."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(name_of(status))


class Listener(Protocol):
    """Takes what the SMSC sends by itself and later calls `session.acknowledge`."""

    def delivered(
        self, session: "Session", pdu: smpp34.DeliverSm, command: int = wire.DELIVER_SM
    ) -> None: ...


class Session(asyncio.Protocol):
    """Requests out, answers in, in any order.

    `usable`: something may go out by it. `useful`, once it is lost: it answered more than the bind.
    """

    _transport: asyncio.Transport

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._rest, self._sequence, self._written = b"", 0, 0
        #: Octets, the instant from which they must not be written, their sequence number.
        self._out: list[tuple[bytes, float, int]] = []
        #: By sequence number: the command that was sent, and who hears its answer.
        self._waiting: dict[int, tuple[int, OnAnswer]] = {}
        self._leaving = False
        #: The SMSC's own `unbind`, which is answered once what is in flight is.
        self._unbind_of_peer: int | None = None
        self._loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[None] = self._loop.create_future()
        self.usable = self.useful = False
        self.heard_at = self._loop.time()

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
        """Write a PDU now, under the sequence number that is returned. Raises Lost.

        It is written before that instant of `time.monotonic()`, or it hears NOT_WRITTEN.
        """
        if self.lost.done():
            raise ConnectionLost("the line is closed")
        self._sequence = sequence = self._sequence % SEQUENCES + 1
        self._write(make(sequence), before, sequence)
        self._waiting[sequence] = command, on_answer
        return sequence

    def forget(self, sequences: Iterable[int]) -> None:
        """Nobody waits for these answers any more, and they may never come."""
        for sequence in sequences:
            self._waiting.pop(sequence, None)

    async def ask(self, command: int, body: bytes = b"") -> Answer:
        """Raises Lost."""
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
        """Raises Refused, or Lost."""
        status, _ = await self.ask(BINDS[kind], body)
        if status:
            raise BindRefused(status)
        self.usable = not self.lost.done()

    async def probe(self, every: float, patience: float) -> None:
        """Ask for a sign of life whenever it was silent, until the line is gone."""
        while not self.lost.done():
            silent = self._loop.time() - self.heard_at
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
        """Leave politely; the line is closed afterwards in any case."""
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
        """It is of no more use: nothing new goes out by it, and once what is in flight is
        answered it ends."""
        if self.usable:
            self.usable, self._leaving = False, True
            self._loop.call_later(LAST_ANSWERS, self.abort)

    def acknowledge(self, sequence: int, status: int = 0, command: int = wire.DELIVER_SM) -> None:
        """Answer a `deliver_sm`, whose message_id is unused and empty (spec 4.6.2), or a
        `data_sm`."""
        self._answer(command, status, sequence, b"\0")

    def data_received(self, data: bytes) -> None:
        self.heard_at = self._loop.time()
        data = self._rest + data if self._rest else data
        at, end = 0, len(data)
        while end - at >= wire.HEADER.size:
            length, command, status, sequence = wire.HEADER.unpack_from(data, at)
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
        """Only the answer to what was asked is one, or a `generic_nack`; and only to what left."""
        asked, on_answer = self._waiting.get(sequence, (0, None))
        is_answer = command in (asked | wire.ANSWER, wire.GENERIC_NACK)
        if on_answer is None or not is_answer or self._is_unwritten(sequence):
            return
        del self._waiting[sequence]
        text = wire.first_string(pdu[wire.HEADER.size :])
        on_answer(Answer(self._status_of(command, status), text))

    def _is_unwritten(self, sequence: int) -> bool:
        """Sequence numbers go up by one, so what is not flushed yet is a range of them."""
        waiting = (self._sequence - self._written) % SEQUENCES
        return 0 < (sequence - self._written) % SEQUENCES <= waiting

    def _end_by_unbind(self, sequence: int) -> None:
        """The SMSC unbinds: nothing new goes out, and what is in flight is answered first."""
        self.usable, self._leaving = False, True
        self._unbind_of_peer = sequence
        self._loop.call_later(LAST_ANSWERS, self._finish)

    def _finish(self) -> None:
        """A session that is left ends: all that was in flight on it is answered, or had time."""
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
        """A generic_nack is never a success, whatever its status says."""
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
        """Together with all else of this turn of the loop: a call of the system for each PDU
        costs two thirds of the throughput."""
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append((octets, before, sequence))

    def _flush(self) -> None:
        """The last look at the clock, right before the system's call: the process may have stood
        still since its messages departed."""
        out, self._out = self._out, []
        self._written = self._sequence
        now = time.monotonic()
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
    """A `data_sm` as the `deliver_sm` that says the same (spec 4.7.1): its text is a parameter.

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
    # esm_class, then protocol_id and priority; no times; registered_delivery, replace_if_present,
    # data_coding, sm_default_msg_id, and no short_message.
    body += rest[:1] + b"\0\0" + b"\0\0" + rest[1:2] + b"\0" + rest[2:3] + b"\0\0" + rest[3:]
    sequence = wire.HEADER.unpack_from(pdu)[3]
    return cast(smpp34.DeliverSm, smpp34.decode(wire.pdu(wire.DELIVER_SM, 0, sequence, body)))


def _resolve(future: asyncio.Future[Answer | None], answer: Answer | None) -> None:
    if not future.done():
        future.set_result(answer)
