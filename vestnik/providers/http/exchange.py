"""One request and its whole answer over a session that stays open, with nothing done twice."""

import asyncio
import os
import ssl
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from yarl import URL

from vestnik.providers.base import Outgoing, TooLate
from vestnik.providers.errors import OptionError
from vestnik.providers.http.answers import Answer
from vestnik.providers.options import Options

#: No answer about one message is longer; what is, is not read to its end.
LONGEST_BODY = 64 * 1024
#: aiohttp rounds time-outs above this up to whole seconds; ours must be exact.
EXACT = 1e9

_leaving: ContextVar[Outgoing | None] = ContextVar("leaving", default=None)


class SentTwice(Exception):
    """The library was about to send a request again by itself."""


class BodyTooLong(Exception):
    """The answer is longer than an answer about one message can be."""


class DepartingRequest(aiohttp.ClientRequest):
    """A request that asks its message for leave right before its first byte is written.

    What fails before, has not left. aiohttp sends a GET again by itself when a kept connection
    turns out to be closed: the second leave is refused, since the first may have arrived.
    """

    async def send(self, conn: Any) -> aiohttp.ClientResponse:
        if not self.body:
            _ask_leave()
        return await super().send(conn)

    async def write_bytes(self, writer: Any, conn: Any, content_length: int | None = None) -> None:
        """A body leaves in here together with its head; before Python 3.12 that is a task of its
        own, which may run long after `send`."""
        try:
            if self.body:
                _ask_leave()
        except (TooLate, SentTwice) as refused:
            conn.protocol.set_exception(refused)  # for whoever waits for the answer
        else:
            await super().write_bytes(writer, conn, content_length)


def _ask_leave() -> None:
    message = _leaving.get()
    if message is not None:
        if message.departed_at is not None:
            raise SentTwice
        message.depart()


@dataclass(frozen=True, slots=True)
class Request:
    """What goes over the wire, encoded."""

    method: str
    url: URL
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None


class Line:
    """The way to one gateway: pool, TLS and time-outs."""

    def __init__(self, given: Options, *, window: int, deadline: float) -> None:
        self._window = window
        self.connect_timeout = given.number("connect_timeout", min(3.0, deadline), least=0.05)
        self.read_timeout = given.number("read_timeout", deadline, least=0.05)
        # A kept connection that the gateway closes while we write puts a message in doubt: keep
        # it idle for less time than gateways do.
        self._keepalive = given.number("keepalive", 10.0)
        # Reading the system's authorities takes 45 ms: not for every command that only checks.
        ca_file = given.text("ca_file", "")
        self._tls = _tls(ca_file) if ca_file else None
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        connector = aiohttp.TCPConnector(
            limit=self._window,
            ssl=self._tls or ssl.create_default_context(),
            keepalive_timeout=self._keepalive,
            ttl_dns_cache=60,
            timeout_ceil_threshold=EXACT,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            request_class=DepartingRequest,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout(),
            auto_decompress=False,
            headers={"User-Agent": "vestnik", "Accept-Encoding": "identity"},
        )

    def _timeout(self) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(
            total=None,
            sock_connect=self.connect_timeout,
            sock_read=self.read_timeout,
            ceil_threshold=EXACT,
        )

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def exchange(self, request: Request, message: Outgoing | None = None) -> Answer:
        """Send and read to the end; `message.depart()` comes right before the first byte."""
        if self._session is None:
            raise ConnectionError("the provider is not open")
        _leaving.set(message)
        async with self._session.request(
            request.method,
            request.url,
            data=request.body,
            headers=request.headers,
            allow_redirects=False,
        ) as response:
            body = await _bounded(response)
            return Answer(response.status, response.headers, body)


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    content, body = response.content, b""
    while not content.at_eof():
        body += await content.readany()
        if len(body) > LONGEST_BODY:
            response.close()
            raise BodyTooLong
    return body


def _tls(ca_file: str) -> ssl.SSLContext:
    """Certificates and names are always verified, by the authorities of `ca_file`."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise OptionError("ca_file", f"cannot be read: {error.strerror or error}") from None


def explain(error: Exception) -> str:
    """What went wrong, without the address (it may hold a secret in its query)."""
    for kind, phrase in PHRASES:
        if isinstance(error, kind):
            return phrase
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        return f"no connection: {os.strerror(number) if number and number > 0 else 'refused'}"
    return f"{type(error).__name__} on the line"


#: The first that fits, so the narrower kinds stand first.
PHRASES: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ClientConnectorDNSError, "the gateway's name cannot be resolved"),
    (aiohttp.ClientConnectorCertificateError, "the gateway's certificate is not trusted"),
    (aiohttp.ClientSSLError, "TLS with the gateway fails"),
    (aiohttp.ConnectionTimeoutError, "no connection in time"),
    (aiohttp.ServerTimeoutError, "no answer in time"),
    (asyncio.TimeoutError, "no answer in time"),
    (aiohttp.ServerDisconnectedError, "the line was closed before the answer"),
    (SentTwice, "the line was closed before the answer"),
    (BodyTooLong, "the answer is too long to be one"),
    (aiohttp.ClientPayloadError, "the answer breaks off"),
    (aiohttp.ClientResponseError, "the answer is not HTTP"),
)
