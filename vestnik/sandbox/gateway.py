"""The gateway: its servers, behaviour and ledger."""

import asyncio
import ssl
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from vestnik.sandbox.behaviour import TAKING, Action, Behaviour
from vestnik.sandbox.control import Control
from vestnik.sandbox.http_apis import (
    BABBLE,
    DefaultApi,
    HttpApi,
    Malformed,
    ReceivedMessage,
    SmscApi,
    smsc_status,
)
from vestnik.sandbox.http_server import Connection, Request
from vestnik.sandbox.ledger import Ledger, LedgerEntry
from vestnik.sandbox.receipts import Receipts
from vestnik.sandbox.smpp_server import SmppServer


class Sandbox:
    """A gateway: `async with Sandbox() as sandbox:` serves HTTP on a free port of 127.0.0.1.

    A port of None disables the protocol; 0 takes a free port.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        http_port: int | None = 0,
        smpp_port: int | None = None,
        behaviour: Behaviour | None = None,
        ledger_path: Path | None = None,
        token: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._host, self._tls = host, tls
        self._http_port, self._smpp_port = http_port, smpp_port
        self.behaviour = behaviour or Behaviour()
        self.ledger = Ledger(ledger_path)
        self.receipts = Receipts(self)
        self._apis: list[HttpApi] = [DefaultApi(token), SmscApi()]
        self.control = Control(self)
        self.smpp = SmppServer(self.behaviour, self.ledger, self.receipts)
        self.connections: set[Connection] = set()
        self.requests = 0
        self._servers: list[asyncio.Server] = []

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self._host}:{self._http_port}"

    @property
    def smpp_port(self) -> int:
        assert self._smpp_port is not None  # noqa: S101  (read only if SMPP is served)
        return self._smpp_port

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Open the ports. Raises OSError if one is in use. A restart takes the same ports."""
        loop = asyncio.get_running_loop()
        if self._http_port is not None:
            self._http_port = await self._listen(
                await loop.create_server(
                    lambda: Connection(self._handle, self.connections),
                    self._host,
                    self._http_port,
                    ssl=self._tls,
                    backlog=1024,
                )
            )
        if self._smpp_port is not None:
            self._smpp_port = await self._listen(
                await loop.create_server(
                    self.smpp.session, self._host, self._smpp_port, ssl=self._tls, backlog=1024
                )
            )

    async def _listen(self, server: asyncio.Server) -> int:
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close the ports and drop all connections, as a crash would."""
        for server in self._servers:
            server.close()
        self.drop_connections()
        for server in self._servers:
            await server.wait_closed()
        self._servers.clear()
        await self.receipts.close()

    def drop_connections(self) -> None:
        """Drop all connections, also in the middle of an answer."""
        for connection in list(self.connections):
            connection.drop()
        self.smpp.drop_connections()

    def _handle(self, request: Request, connection: Connection) -> None:
        if self.control.takes(request):
            self.control.handle(request, connection)
            return
        if request.path.endswith("/sys/status.php"):
            smsc_status(request, self, connection)
            return
        for api in self._apis:
            if api.takes(request):
                self.requests += 1
                self._message(api, request, connection)
                return
        connection.answer_json(404, {"code": 404, "message": "no such address"})

    def _message(self, api: HttpApi, request: Request, connection: Connection) -> None:
        try:
            received = api.read(request)
        except Malformed as error:
            api.malformed(str(error), connection)
            return
        act = self.behaviour.act(received.phone_number)
        provider_id = self._take(api, received) if act in TAKING else ""
        if self.behaviour.delay:
            loop = asyncio.get_running_loop()
            loop.call_later(self.behaviour.delay, self._answer, api, act, provider_id, connection)
        else:
            self._answer(api, act, provider_id, connection)

    def _take(self, api: HttpApi, received: ReceivedMessage) -> str:
        """Add the message to the ledger, unless the gateway deduplicates and knows its id."""
        known = self.ledger.with_id(received.message_id) if self.behaviour.deduplicates else None
        if known:
            return known.provider_id
        entry = LedgerEntry(
            time.time(),
            type(api).__name__.removesuffix("Api").lower(),
            received.wanted_id or self.ledger.next_provider_id(),
            received.message_id,
            received.phone_number,
            received.text,
            received.sender,
            received.validity,
        )
        self.ledger.add(entry)
        self.receipts.by_callback(entry)
        return entry.provider_id

    def _answer(self, api: HttpApi, act: Action, provider_id: str, connection: Connection) -> None:
        if act is Action.ACCEPT:
            api.accepted(provider_id, connection)
        elif act in (Action.DROP, Action.TAKE_AND_DROP):
            connection.drop()
        elif act is Action.TAKE_AND_BABBLE:
            connection.answer(200, BABBLE, {"Content-Type": "text/html"})
        elif act is not Action.TAKE_AND_HANG:
            api.refused(act, self.behaviour.retry_after, connection)
