"""Octets to PDUs and back: framing, sequence numbers, and writing in time."""

import asyncio
import math
import time
from abc import abstractmethod
from collections.abc import Iterable
from typing import cast

from vestnik.providers.smpp import wire

#: The range of sequence numbers (SMPP 3.4, 5.1.4).
SEQUENCES = 0x7FFFFFFF


class PduStream(asyncio.Protocol):
    """One connection that reads and writes whole PDUs.

    A subclass overrides what happens to a PDU that came (`handle`) and to those that were too late
    to be written (`keep_back`).
    """

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.received_at = self._loop.time()
        self._rest = b""
        #: The sequence numbers of the last request that was queued, and of the last one when the
        #: queue was written.
        self._sequence, self._written = 0, 0
        #: Octets, the instant from which they must not be written, and their sequence number.
        self._out: list[tuple[bytes, float, int]] = []

    @abstractmethod
    def handle(self, command: int, status: int, sequence: int, pdu: bytes) -> None:
        """Take one PDU of the peer."""

    @abstractmethod
    def keep_back(self, sequences: Iterable[int]) -> None:
        """Take the sequence numbers of PDUs that are not written, because their time was over."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are not its subclasses

    def abort(self) -> None:
        self._transport.abort()

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
            self.handle(command, status, sequence, data[at : at + length])
            at += length
        self._rest = data[at:]

    def next_sequence(self) -> int:
        """Return the sequence number of a new request."""
        self._sequence = self._sequence % SEQUENCES + 1
        return self._sequence

    def is_unwritten(self, sequence: int) -> bool:
        """Return whether the request is still queued."""
        # Sequence numbers are consecutive, so queued requests are a range of them.
        waiting = (self._sequence - self._written) % SEQUENCES
        return 0 < (sequence - self._written) % SEQUENCES <= waiting

    def write(self, octets: bytes, before: float = math.inf, sequence: int = 0) -> None:
        """Queue octets to be written at the end of this turn of the loop."""
        # One system call per PDU costs two thirds of the throughput.
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append((octets, before, sequence))

    def close(self) -> None:
        """Write what is queued, then close the connection."""
        self._flush()
        self._transport.close()

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
            self.keep_back(sequence for _, before, sequence in out if now >= before)
