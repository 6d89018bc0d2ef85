"""The SMSC side of SMPP 3.4: binds, submissions, configured failures, receipts."""

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import smpp34

from vestnik.providers.smpp.wire import (
    ANSWER,
    BIND_RECEIVER,
    BIND_TRANSCEIVER,
    BIND_TRANSMITTER,
    ENQUIRE_LINK,
    GENERIC_NACK,
    HEADER,
    LONGEST_PDU,
    SUBMIT_SM,
    UNBIND,
)
from vestnik.providers.smpp.wire import (
    pdu as packed,
)
from vestnik.sandbox.behaviour import TAKING, Action, Behaviour
from vestnik.sandbox.ledger import Ledger, LedgerEntry
from vestnik.sandbox.smpp_parts import Assembly, Submitted, submitted

if TYPE_CHECKING:
    from vestnik.sandbox.receipts import Receipts

BINDS = {
    BIND_RECEIVER: "receiver",
    BIND_TRANSMITTER: "transmitter",
    BIND_TRANSCEIVER: "transceiver",
}
#: ESME_RINVCMDID, ESME_RINVPASWD, ESME_RINVBNDSTS (SMPP 3.4, 5.1.3).
INVALID_COMMAND, WRONG_PASSWORD, INVALID_BIND_STATE = 0x03, 0x0E, 0x04
STATUS = {
    Action.REFUSE: 0x0B,  # ESME_RINVDSTADR
    Action.THROTTLE: 0x58,  # ESME_RTHROTTLED
    Action.FORBID: 0x0F,  # ESME_RINVSYSID
    Action.FAIL: 0x08,  # ESME_RSYSERR
    Action.TAKE_AND_FAIL: 0xFF,  # ESME_RUNKNOWNERR
}


class SmppServer:
    """All sessions, and the behaviour, the ledger and the parts of messages that they share."""

    def __init__(self, behaviour: Behaviour, ledger: Ledger, receipts: "Receipts") -> None:
        self.behaviour, self.ledger, self.receipts = behaviour, ledger, receipts
        self.assembly = Assembly()
        self.sessions: set[Session] = set()
        self.password = ""
        self.bind_status = 0
        self.most_in_flight = 0

    def session(self) -> "Session":
        return Session(self)

    def drop_connections(self) -> None:
        for session in list(self.sessions):
            session.transport.abort()

    def listeners(self) -> list["Session"]:
        return [session for session in self.sessions if session.listens]

    async def deliver_receipt(self, session: "Session", about: Submitted, text: str) -> None:
        """Send a receipt on the session of its message, or on another one if that is closed."""
        for target in [session, *self.listeners()]:
            if target.listens:
                source, to = about.destination, about.source
                await target.deliver(source, to, text.encode("latin-1", "replace"), esm_class=4)
                return

    async def deliver_text(self, session: "Session", phone_number: str, text: str) -> None:
        octets = text.encode("utf-16-be")
        await session.deliver(phone_number, "Vestnik", octets, data_coding=8)

    def take(self, session: "Session", pdu: smpp34.SubmitSm) -> tuple[int, str]:
        """Decide about one part; return the status and the id of the answer.

        The status -1 closes the connection, -2 sends no answer.
        """
        act = self.behaviour.act(pdu.destination_addr)
        if act not in TAKING:
            return STATUS.get(act, -1), ""
        part = submitted(pdu)
        provider_id = self.ledger.next_provider_id()
        text = self.assembly.add(part)
        if text is not None:
            self.ledger.add(self._entry(part, provider_id, text))
        self.receipts.by_smpp(session, part, provider_id)
        if act is Action.ACCEPT:
            return 0, provider_id
        return STATUS.get(act, -1 if act is Action.TAKE_AND_DROP else -2), ""

    def _entry(self, part: Submitted, provider_id: str, text: str) -> LedgerEntry:
        return LedgerEntry(
            time.time(),
            "smpp",
            provider_id,
            None,
            part.destination,
            text,
            part.source,
            part.validity,
            part.total,
        )


class Session(asyncio.Protocol):
    """One ESME's connection."""

    transport: asyncio.Transport

    def __init__(self, server: SmppServer) -> None:
        self._server, self._buffer = server, b""
        self._out: list[bytes] = []
        self._bound_as, self._sequence, self._in_flight = "", 0, 0
        self._awaited: dict[int, asyncio.Future[int]] = {}

    @property
    def listens(self) -> bool:
        return self._bound_as in ("receiver", "transceiver") and not self.transport.is_closing()

    def forget(self) -> None:
        """Answer from now on as if the client had never bound."""
        self._bound_as = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are not its subclasses
        self._server.sessions.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.sessions.discard(self)
        for future in self._awaited.values():
            future.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= HEADER.size:
            length = HEADER.unpack_from(self._buffer)[0]
            if not HEADER.size <= length <= LONGEST_PDU:
                self.transport.abort()
                return
            if len(self._buffer) < length:
                return
            pdu, self._buffer = self._buffer[:length], self._buffer[length:]
            self._handle(pdu)

    def _handle(self, pdu: bytes) -> None:
        _, command, status, sequence = HEADER.unpack_from(pdu)
        if command in BINDS:
            self._bind(command, sequence, pdu)
        elif command == SUBMIT_SM:
            self._submit(pdu, sequence)
        elif command == ENQUIRE_LINK:
            self._write(command | ANSWER, 0, sequence)
        elif command == UNBIND:
            self._write(command | ANSWER, 0, sequence)
            self._flush()
            self.transport.close()
        elif command & ANSWER:
            future = self._awaited.pop(sequence, None)
            if future is not None and not future.done():
                future.set_result(status)
        else:
            self._write(GENERIC_NACK, INVALID_COMMAND, sequence)

    def _bind(self, command: int, sequence: int, pdu: bytes) -> None:
        _, password, *_ = pdu[HEADER.size :].split(b"\0")
        status = self._server.bind_status
        if self._server.password and password.decode() != self._server.password:
            status = WRONG_PASSWORD
        if not status:
            self._bound_as = BINDS[command]
        self._write(command | ANSWER, status, sequence, b"sandbox\0")

    def _submit(self, pdu: bytes, sequence: int) -> None:
        decoded = smpp34.decode(pdu)
        if not self._bound_as or not isinstance(decoded, smpp34.SubmitSm):
            self._write(SUBMIT_SM | ANSWER, INVALID_BIND_STATE, sequence)
            return
        self._in_flight += 1
        self._server.most_in_flight = max(self._server.most_in_flight, self._in_flight)
        status, provider_id = self._server.take(self, decoded)
        if delay := self._server.behaviour.delay:
            loop = asyncio.get_running_loop()
            loop.call_later(delay, self._answer, sequence, status, provider_id)
        else:
            self._answer(sequence, status, provider_id)

    def _answer(self, sequence: int, status: int, provider_id: str) -> None:
        """Send the answer; see `SmppServer.take` for negative statuses."""
        self._in_flight -= 1
        if status == -1:
            self.transport.abort()
        elif status >= 0:
            body = provider_id.encode() + b"\0" if not status else b""
            self._write(SUBMIT_SM | ANSWER, status, sequence, body)

    async def deliver(
        self,
        source: str,
        to: str,
        octets: bytes,
        *,
        esm_class: int = 0,
        data_coding: int = 0,
        tlvs: Sequence[smpp34.Tlv] = (),
    ) -> None:
        """Send a `deliver_sm` once. (A real SMSC repeats one that is not acknowledged.)"""
        self._sequence += 1
        self._awaited[self._sequence] = asyncio.get_running_loop().create_future()
        pdu = smpp34.DeliverSm(
            source,
            to,
            octets,
            source_addr_ton=1,
            source_addr_npi=1,
            esm_class=esm_class,
            data_coding=data_coding,
            tlvs=list(tlvs),
            sequence_number=self._sequence,
        )
        future = self._awaited[self._sequence]
        self.transport.write(pdu.encode())
        status = await future
        self._server.receipts.refused += status != 0

    def _write(self, command: int, status: int, sequence: int, body: bytes = b"") -> None:
        if not self._out:
            asyncio.get_running_loop().call_soon(self._flush)
        self._out.append(packed(command, status, sequence, body))

    def _flush(self) -> None:
        out, self._out = self._out, []
        if out and not self.transport.is_closing():
            self.transport.write(b"".join(out))
