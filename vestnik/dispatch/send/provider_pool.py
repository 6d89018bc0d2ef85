"""The event loop of a worker process, which owns the connections to providers.

A connection is opened with the first flight, or at the worker's start if the provider sends
receipts or texts through it, and stays open between batches. The threads that claim and record get
the outcomes of a flight as a future.
"""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

import structlog
import uvloop

from vestnik.mailings.rendering import NO_TEXT
from vestnik.mailings.text import is_blank
from vestnik.providers.base import (
    Connection,
    OutboundMessage,
    Outcome,
    Provider,
    Rejected,
    Reply,
    Sink,
    StatusQuery,
)
from vestnik.providers.registry import describe

log = structlog.get_logger(__name__)

T = TypeVar("T")

#: Seconds that a provider gets beyond its own deadline; and that closing the connections may take.
GRACE = 2.0
#: Seconds before the first and before any later attempt to connect; doubled each time.
FIRST_RETRY, LONGEST_RETRY = 1.0, 60.0


class ProviderPool:
    """Connections to providers, on an event loop in a thread of its own."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._connections: dict[str, asyncio.Task[Connection[Any]]] = {}
        self._listening: set[asyncio.Task[None]] = set()
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="provider-pool", daemon=True
        )
        self._thread.start()

    def listen(self, alias: str) -> None:
        """Connect to a provider before its first flight, to receive what it sends.

        Returns at once; the connection is tried until it succeeds.
        """
        self._submit(self._listen(alias))

    def hand_over(
        self, provider: Provider, flight: Sequence[OutboundMessage]
    ) -> Future[list[Outcome | None]]:
        """Hand a flight over; return the future of its outcomes. None is a message that did not
        leave.

        The future raises TimeoutError if the provider exceeds its own deadline by GRACE seconds.
        """
        return self._submit(self._hand_over(provider, flight))

    def ask(self, provider: Provider, queries: Sequence[StatusQuery]) -> list[Reply]:
        """Query the status of messages, and wait for the replies."""
        return self._wait_for(self._ask(provider, queries))

    def close(self) -> None:
        """Close the connections, for at most GRACE seconds, and stop the loop."""
        with contextlib.suppress(TimeoutError):
            self._wait_for(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)

    async def _hand_over(
        self, provider: Provider, flight: Sequence[OutboundMessage]
    ) -> list[Outcome | None]:
        async with asyncio.timeout(provider.deadline + GRACE):
            connection = await self._connection(provider.alias)
            return await _hand_over_nonblank(connection, flight)

    async def _ask(self, provider: Provider, queries: Sequence[StatusQuery]) -> list[Reply]:
        async with asyncio.timeout(provider.deadline + GRACE):
            connection = await self._connection(provider.alias)
            return await connection.ask(queries)

    async def _listen(self, alias: str) -> None:
        """Start the attempts as a task, which `close` cancels."""
        task = asyncio.create_task(self._open_with_retries(alias))
        self._listening.add(task)
        task.add_done_callback(self._listening.discard)

    async def _open_with_retries(self, alias: str) -> None:
        pause = FIRST_RETRY
        while True:
            try:
                await self._connection(alias)
                return
            except Exception as error:
                log.warning("provider not connected", provider=alias, trouble=type(error).__name__)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_RETRY)

    async def _connection(self, alias: str) -> Connection[Any]:
        connecting = self._connections.get(alias)
        if connecting is None or (connecting.done() and connecting.exception()):
            connecting = asyncio.create_task(self._connect(alias))
            self._connections[alias] = connecting
        # Shielded: a flight whose deadline passes must not cancel the connect that others wait for.
        return await asyncio.shield(connecting)

    async def _connect(self, alias: str) -> Connection[Any]:
        connection = await describe(alias).connect(self._sink)
        log.info("provider connected", provider=alias)
        return connection

    async def _close(self) -> None:
        for task in self._listening:
            task.cancel()
        tasks = self._connections.values()
        connected = [task.result() for task in tasks if task.done() and not task.exception()]
        async with asyncio.timeout(GRACE):
            await asyncio.gather(*(connection.close() for connection in connected))

    def _wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        return self._submit(work).result()

    def _submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)


async def _hand_over_nonblank(
    connection: Connection[Any], flight: Sequence[OutboundMessage]
) -> list[Outcome | None]:
    """Hand over the messages that have a text; refuse blank ones as a last safeguard."""
    if not any(map(is_blank, {outgoing.text for outgoing in flight})):
        return await connection.hand_over_all(flight)
    nonblank = [outgoing for outgoing in flight if not is_blank(outgoing.text)]
    outcomes = iter(await connection.hand_over_all(nonblank) if nonblank else [])
    return [
        outgoing.resolve(Rejected("0", NO_TEXT)) if is_blank(outgoing.text) else next(outcomes)
        for outgoing in flight
    ]
