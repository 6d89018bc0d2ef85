"""Connections of which each answer belongs to the request before it.

HTTP/1.1 numbers neither requests nor answers: what a kept connection says unasked would be taken
as the answer to the next message, which the gateway may never have seen. So a connection is used
again only where its last answer ended exactly, and nothing has come since.
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

#: aiohttp rounds time-outs above this up to whole seconds; ours must be exact.
EXACT = 1e9
#: An answer about one message is shorter, with its head.
LONGEST_ANSWER = 128 * 1024
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*(?:\r\n|$)", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked", re.IGNORECASE)
LAST_CHUNK = b"0\r\n\r\n"
#: Answers that never have a body, whatever their head says (RFC 9112, 6.3).
BODILESS = re.compile(rb"HTTP/1\.[01] (?:204|304)\b")


class AutomaticResend(Exception):
    """The library was about to send a request again by itself."""


class UnsolicitedData(Exception):
    """The gateway said something before anything was asked."""


class PendingDeparture:
    """A message on its way to its first byte; `connecting` while its connection is opened."""

    __slots__ = ("connecting", "message")

    def __init__(self, message: OutboundMessage) -> None:
        self.message, self.connecting = message, False

    @property
    def is_waiting(self) -> bool:
        """It has not left, and nothing is being tried for it: it waits for a free connection."""
        return self.message.departed_at is None and not self.connecting

    def mark_departed(self) -> None:
        if self.message.departed_at is not None:
            raise AutomaticResend
        self.message.mark_departed()


pending_departure: ContextVar[PendingDeparture | None] = ContextVar("leaving", default=None)


class CheckedConnection(ResponseHandler):
    """A connection that remembers what came since the last request."""

    def __init__(self, loop: Any) -> None:
        super().__init__(loop=loop)
        self._heard = b""
        self.asked = False

    def begin_request(self) -> None:
        """A request is about to be written. Raises Unasked where something came before it."""
        if not self.is_clean:
            raise UnsolicitedData
        self._heard, self.asked = b"", True

    def data_received(self, data: bytes) -> None:
        if len(self._heard) <= LONGEST_ANSWER:
            self._heard += data
        super().data_received(data)

    @property
    def should_close(self) -> bool:
        return super().should_close or (self.asked and not is_one_whole_response(self._heard))

    @property
    def is_clean(self) -> bool:
        """Whether it may carry a request: nothing came that nobody has asked for."""
        return not (self.should_close or (self.asked and self._readable()))

    def _readable(self) -> bool:
        """Something, or the end, lies in the socket that the loop has not read yet."""
        if self.transport is None or self.transport.is_closing():
            return True
        poll = select.poll()
        poll.register(self.transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(poll.poll(0))


def is_one_whole_response(received: bytes) -> bool:
    """Whether what was heard is one whole answer and no more, by the lengths that it gives."""
    head, separator, body = received.partition(b"\r\n\r\n")
    if not separator:
        return False
    if BODILESS.match(head):
        return not body
    if CHUNKED.search(head):
        return body.endswith(LAST_CHUNK)
    length = LENGTH.search(head)
    return length is not None and int(length[1]) == len(body)


class Connector(aiohttp.TCPConnector):
    """A pool of conversations.

    A message whose time is over once its connection stands leaves it for others: a connection
    that takes longer than a message may wait is opened all the same.
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
        while not connection.protocol.is_clean:
            connection.close()
            connection = await super().connect(req, traces, timeout)
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
    """A request that asks its message for leave right before its first byte is written.

    What fails before, has not left.
    """

    async def send(self, conn: Any) -> aiohttp.ClientResponse:
        if not self.body:
            _depart(conn)
        return await super().send(conn)

    async def write_bytes(self, writer: Any, conn: Any, content_length: int | None = None) -> None:
        """A body leaves in here together with its head; before Python 3.12 that is a task of its
        own, which may run long after `send`."""
        try:
            if self.body:
                _depart(conn)
        except (TooLate, AutomaticResend, UnsolicitedData) as refused:
            conn.protocol.set_exception(refused)  # for whoever waits for the answer
        else:
            await super().write_bytes(writer, conn, content_length)


def _depart(conn: Any) -> None:
    message = pending_departure.get()
    if message is not None:
        conn.protocol.begin_request()
        message.mark_departed()
