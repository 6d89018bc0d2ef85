"""When the bytes of a message leave by HTTP: once, in time, on a connection that stands."""

import asyncio
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Self

import pytest

from tests.gateways.builders import opened, outgoing, run, until
from tests.gateways.servers import http, read_request, serving
from tests.providers.test_http_gateway import gateway
from vestnik.providers.base import Accepted, Deferred, OutboundMessage, Unknown


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_kept_connection_that_dies_never_sends_twice(method: str) -> None:
    """aiohttp sends a GET again by itself on a kept connection; the contract forbids it."""
    requests: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await read_request(reader))
        writer.write(http(b'{"code":0}'))
        requests.append(await read_request(reader))

    async def test() -> None:
        options = {"method": method, "body_format": "json", "window": "1"}
        async with serving(talk) as port, opened(gateway(port, **options)) as connection:
            assert await connection.hand_over_all([outgoing(1)]) == [Accepted()]
            (outcome,) = await connection.hand_over_all([outgoing(2)])
            assert isinstance(outcome, Unknown)
            assert len(requests) == 2

    run(test)


def test_what_is_too_late_on_a_new_connection_writes_no_byte() -> None:
    received: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read(65536))

    async def test() -> None:
        async with serving(talk) as port, opened(gateway(port)) as connection:
            assert await connection.hand_over_all([outgoing(leave_within=0)]) == [None]
            await asyncio.sleep(0.1)  # a byte that was written would arrive
            assert received == []  # the connection stays for the next message
            await connection.close()
            await until(lambda: received)
            assert received == [b""]

    run(test)


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("turn", range(5))
def test_wherever_the_process_is_frozen_nothing_arrives_late(method: str, turn: int) -> None:
    """The loop stands still from its n-th turn on, in the midst of a hand-over on a connection
    that is kept. What has not arrived at the gateway by then may not arrive at all."""

    async def freeze(message: OutboundMessage) -> None:
        for _ in range(turn):
            await asyncio.sleep(0)
        while not message.is_late:
            time.sleep(0.05)  # on the loop: the process stands still

    async def test() -> None:
        with GatewayInAThread() as server:
            async with opened(gateway(server.port, method=method, window="1")) as connection:
                assert await connection.hand_over_all([outgoing(1)]) == [Accepted()]
                message = outgoing(2, leave_within=0.2)
                handing = asyncio.create_task(connection.hand_over_all([message]))
                await freeze(message)
                has_arrived = server.has_data()
                server.reads_on.set()
                assert await handing == [Accepted() if has_arrived else None]
        assert len(server.came) == 1 + has_arrived

    run(test)


class GatewayInAThread:
    """It accepts what comes by one connection, and reads on after the first request when told."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.came: list[bytes] = []
        self.reads_on = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.reads_on.set()
        self._thread.join()
        self._listener.close()

    def has_data(self) -> bool:
        """Whether something has arrived that it has not read."""
        return bool(select.select([self._line], [], [], 0)[0])

    def _serve(self) -> None:
        self._line, _ = self._listener.accept()
        with self._line:
            while request := self._line.recv(65536):
                self.came.append(request)
                self._line.sendall(http(b'{"code":0}'))
                self.reads_on.wait(30)


def test_a_gateway_that_does_not_take_connections_in_time_is_deferred() -> None:
    """A connection that never stood has carried nothing."""

    async def test() -> None:
        with full_house() as port:
            provider = gateway(port, connect_timeout="0.3", deadline="2")
            async with opened(provider) as connection:
                (outcome,) = await connection.hand_over_all([outgoing()])
            assert outcome == Deferred("no connection in time")

    run(test)


@contextmanager
def full_house() -> Iterator[int]:
    """A port whose queue of connections is full, so that the kernel leaves more unanswered."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            guest = stack.enter_context(socket.socket())
            guest.setblocking(False)
            guest.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
