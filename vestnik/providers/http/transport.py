"""One request and its whole answer over a session that stays open, with nothing done twice."""

import asyncio
import ssl
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from vestnik.providers.base import OutboundMessage, TooLate
from vestnik.providers.errors import OptionError, reason_of_errno
from vestnik.providers.http.connections import (
    EXACT,
    AutomaticResend,
    ClosedEarly,
    Connector,
    DepartingRequest,
    PendingDeparture,
    UnsolicitedData,
    pending_departure,
)
from vestnik.providers.http.response import Response
from vestnik.providers.options import Options
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

#: No answer about one message is longer; what is, is not read to its end.
LONGEST_BODY = 64 * 1024


class BodyTooLong(Exception):
    """The answer is longer than an answer about one message can be."""


@dataclass(frozen=True, slots=True)
class Request:
    """What goes over the wire, encoded."""

    method: str
    url: URL
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None


class TransportOptions:
    """How requests reach one gateway: time-outs, TLS and the size of the pool."""

    def __init__(self, options: Options, *, window: int, deadline: float) -> None:
        self.window = window
        self.connect_timeout = options.number("connect_timeout", min(3.0, deadline), least=0.05)
        self.read_timeout = options.number("read_timeout", deadline, least=0.05)
        self._deadline = deadline
        # A kept connection that the gateway closes while we write puts a message in doubt: keep
        # it idle for less time than gateways do.
        self.keepalive = options.number("keepalive", 10.0)
        # Reading the system's authorities takes 45 ms: not for every command that only checks.
        ca_file = options.text("ca_file", "")
        self.tls = _tls(ca_file) if ca_file else None

    @property
    def timeout(self) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(
            total=None,
            sock_connect=self.connect_timeout,
            # Each flight, query and token has a timer of its own for the deadline; another one per
            # message costs throughput, so there is none unless it is shorter.
            sock_read=self.read_timeout if self.read_timeout < self._deadline else None,
            ceil_threshold=EXACT,
        )


class HttpTransport:
    """The open connections to one gateway."""

    def __init__(self, options: TransportOptions) -> None:
        self.read_timeout = options.read_timeout
        connector = Connector(
            limit=options.window,
            tls=options.tls or ssl.create_default_context(),
            keepalive=options.keepalive,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            request_class=DepartingRequest,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=options.timeout,
            auto_decompress=False,
            headers={"User-Agent": "vestnik", "Accept-Encoding": "identity"},
        )

    async def close(self) -> None:
        await self._session.close()

    async def exchange(self, request: Request, message: OutboundMessage | None = None) -> Response:
        """Send and read to the end; `message.mark_departed()` comes right before the first byte.

        Raises TooLate where its message is given up while it waits for a free connection.
        """
        departure = None if message is None else PendingDeparture(message)
        pending_departure.set(departure)
        if self._session.closed:
            raise ConnectionError("the connection is closed")
        try:
            async with self._session.request(
                request.method,
                request.url,
                data=None if request.body is None else aiohttp.BytesPayload(request.body),
                headers=request.headers,
                allow_redirects=False,
            ) as response:
                body = await _bounded(response)
                return Response(response.status, response.headers, body)
        except asyncio.CancelledError:
            if departure and departure.is_waiting:
                raise TooLate from None
            raise


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


def explain(error: Exception) -> Reason:
    """Return the reason of an error, without the address, whose query may hold a secret."""
    for kind, code in CODES:
        if isinstance(error, kind):
            return Reason(code)
    if isinstance(error, aiohttp.ClientConnectorError):
        return Reason(Code.NO_CONNECTION, reason=reason_of_errno(error.os_error.errno))
    if isinstance(error, aiohttp.ClientOSError | ConnectionError):
        return Reason(Code.CONNECTION_CLOSED)
    return Reason(Code.CONNECTION_ERROR, kind=type(error).__name__)


#: The first that fits, so the narrower kinds stand first.
CODES: tuple[tuple[type[Exception], Code], ...] = (
    (aiohttp.ClientConnectorDNSError, Code.NAME_NOT_RESOLVED),
    (aiohttp.ClientConnectorCertificateError, Code.CERTIFICATE_UNTRUSTED),
    (aiohttp.ClientSSLError, Code.TLS_FAILED),
    (aiohttp.ConnectionTimeoutError, Code.CONNECT_TIMEOUT),
    (aiohttp.ServerTimeoutError, Code.ANSWER_TIMEOUT),
    (asyncio.TimeoutError, Code.ANSWER_TIMEOUT),
    (aiohttp.ServerDisconnectedError, Code.CONNECTION_CLOSED),
    (AutomaticResend, Code.CONNECTION_CLOSED),
    (ClosedEarly, Code.CONNECTION_CLOSED),
    (UnsolicitedData, Code.EARLY_ANSWER),
    (BodyTooLong, Code.ANSWER_TOO_LONG),
    (aiohttp.ClientPayloadError, Code.ANSWER_CUT),
    (aiohttp.ClientResponseError, Code.ANSWER_NOT_HTTP),
)
