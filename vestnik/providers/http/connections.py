"""Connections on which each answer belongs to the request before it.

HTTP/1.1 numbers neither requests nor answers. Unsolicited data on a kept connection would be taken
as the answer to the next message, which the gateway may never have received. So a connection is
reused only if its last answer ended exactly and nothing has arrived since.
"""

import functools
import re
import select
import ssl
from contextvars import ContextVar
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

from vestnik.providers.base import OutboundMessage, TooLate

#: aiohttp rounds time-outs above this threshold up to whole seconds; ours must be exact.
EXACT = 1e9
#: Any answer about one message is shorter, including its head.
LONGEST_ANSWER = 128 * 1024
#: What says where the body ends (RFC 9112, 6), in a head in lower case.
FRAMING = re.compile(
    rb"\r\n(?:content-length:[ \t]*(\d{1,9})[ \t]*(?:\r\n|$)|transfer-encoding:[ \t]*chunked)"
)
#: The end of a chunked body without trailers (RFC 9112, 7.1).
LAST_CHUNK = b"0\r\n\r\n"
#: Data, and the end of the connection.
ARRIVALS = select.POLLIN | getattr(select, "POLLRDHUP", 0)
#: Answers that never have a body, whatever their head says (RFC 9112, 6.3).
BODILESS = re.compile(rb"HTTP/1\.[01] (?:204|304)\b")


class AutomaticResend(Exception):
    """Raised when aiohttp is about to send a request again by itself."""


class UnsolicitedData(Exception):
    """Raised when the gateway sent data before any request."""


class ClosedEarly(Exception):
    """Raised when the gateway closed the connection before any request."""


class PendingDeparture:
    """A message that has not left yet; `connecting` while its connection is opened."""

    __slots__ = ("connecting", "message")

    def __init__(self, message: OutboundMessage) -> None:
        self.message, self.connecting = message, False

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for a free connection: it has not left, and no connection is opened for
        it."""
        return self.message.departed_at is None and not self.connecting

    def mark_departed(self) -> None:
        if self.message.departed_at is not None:
            raise AutomaticResend
        self.message.mark_departed()


pending_departure: ContextVar[PendingDeparture | None] = ContextVar("leaving", default=None)


class CheckedConnection(ResponseHandler):
    """A connection that records what arrived in the exchange, before and after the request."""

    def __init__(self, loop: Any) -> None:
        super().__init__(loop=loop)
        self._received, self._has_requested = b"", False
        #: The size of what arrived when it was found to be one whole response.
        self._whole_size = 0
        self._socket = select.poll()
        self._is_polled = False
        #: Whether no exchange has begun on it yet.
        self.is_new = True

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._socket.register(transport.get_extra_info("socket").fileno(), ARRIVALS)
        # After the handshake a TLS server sends session tickets (RFC 8446, 4.6.1), which can be
        # read from the socket and are no answer. They are read with the first answer at the latest.
        self._is_polled = transport.get_extra_info("ssl_object") is None

    def begin_exchange(self) -> bool:
        """Forget the exchange before. False if the connection must not carry another one."""
        if self.should_close or (self._has_requested and self._is_readable()):
            return False
        self._received, self._has_requested, self._whole_size = b"", False, 0
        self.is_new = False
        return True

    def begin_request(self) -> None:
        """Prepare for a request. Raises UnsolicitedData or ClosedEarly if something arrived."""
        if self._received or self._is_readable():
            raise self.fault()
        self._has_requested = self._is_polled = True

    def fault(self) -> UnsolicitedData | ClosedEarly:
        """Return why it cannot carry a request."""
        if self._received:
            return UnsolicitedData()
        if self.transport is None or self.transport.is_closing():
            return ClosedEarly()
        is_data = all(event == select.POLLIN for _, event in self._socket.poll(0))
        return UnsolicitedData() if is_data else ClosedEarly()

    def data_received(self, data: bytes) -> None:
        # Beyond the limit the connection is closed anyway, so no more is kept.
        if len(self._received) <= LONGEST_ANSWER:
            self._received += data
        # Before Python 3.12 the reader of the answer may wait before the request is written: data
        # that comes before it would be taken as its answer.
        if self._has_requested:
            super().data_received(data)

    @property
    def should_close(self) -> bool:
        return super().should_close or not self._is_complete()

    def close(self) -> None:
        # Parting by TLS keeps the socket open until the gateway answers, for up to 30 s.
        if self.transport is not None and self.transport.get_extra_info("ssl_object"):
            self.abort()
        else:
            super().close()

    def _is_complete(self) -> bool:
        """Return whether the whole answer has arrived and nothing beyond it."""
        if not self._has_requested:
            return not self._received
        size = len(self._received)
        if size > LONGEST_ANSWER:
            return False  # what arrived after that was not recorded
        if size != self._whole_size and is_one_whole_response(self._received):
            self._whole_size = size
        return 0 < size == self._whole_size

    def _is_readable(self) -> bool:
        """Return whether the socket holds data, or its end, that the loop has not read yet."""
        if self.transport is None or self.transport.is_closing():
            return True
        return self._is_polled and bool(self._socket.poll(0))


def is_one_whole_response(received: bytes) -> bool:
    """Return whether the data is exactly one complete response, by the lengths that it declares."""
    head, separator, body = received.partition(b"\r\n\r\n")
    if not separator:
        return False
    if BODILESS.match(head):
        return not body
    framing = FRAMING.search(head.lower())
    if framing is None:
        return False
    return body.endswith(LAST_CHUNK) if framing[1] is None else int(framing[1]) == len(body)


class Connector(aiohttp.TCPConnector):
    """A pool of checked connections.

    A connection that takes longer to open than its message may wait is opened all the same, for
    others.
    """

    def __init__(self, *, limit: int, tls: ssl.SSLContext, keepalive: float) -> None:
        super().__init__(
            limit=limit,
            ssl=tls,
            keepalive_timeout=keepalive,
            ttl_dns_cache=60,
            timeout_ceil_threshold=EXACT,
        )
        self._factory: Any = functools.partial(CheckedConnection, loop=self._loop)

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Any:
        message = pending_departure.get()
        if message is not None and message.message.departed_at is not None:
            raise AutomaticResend
        connection: Any = await super().connect(req, traces, timeout)
        # A pooled connection may have become dirty while it was idle. A new one that is dirty shows
        # a gateway that speaks first or closes at once: the next one would be no better.
        while not (protocol := connection.protocol).begin_exchange():
            fault = protocol.fault()
            connection.close()
            if protocol.is_new:
                raise fault
            connection = await super().connect(req, traces, timeout)
        # The connection is good; only its message has no time left.
        if message is not None and message.message.is_late:
            connection.release()
            raise TooLate
        return connection

    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> ResponseHandler:
        message = pending_departure.get()
        if message is None:
            return await super()._create_connection(req, traces, timeout)
        message.connecting = True
        protocol = await super()._create_connection(req, traces, timeout)
        message.connecting = False
        return protocol


class DepartingRequest(aiohttp.ClientRequest):
    """A request that marks its message as departed right before the first byte is written.

    A failure before that has not sent anything.
    """

    async def send(self, conn: Any) -> aiohttp.ClientResponse:
        if not self.body:
            _depart(conn)
        return await super().send(conn)

    async def write_bytes(self, writer: Any, conn: Any, content_length: int | None = None) -> None:
        """Write the body, and the head with it."""
        try:
            if self.body:
                _depart(conn)
        except (TooLate, AutomaticResend, UnsolicitedData, ClosedEarly) as refused:
            conn.protocol.set_exception(refused)  # for the reader of the answer
        else:
            # Before Python 3.12 this runs as a task of its own, possibly long after `send`.
            await super().write_bytes(writer, conn, content_length)


def _depart(conn: Any) -> None:
    conn.protocol.begin_request()
    message = pending_departure.get()
    if message is not None:
        message.mark_departed()
