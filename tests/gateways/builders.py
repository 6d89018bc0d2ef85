"""What provider tests are arranged with."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import uvloop

from vestnik.providers.base import (
    Connection,
    Inbound,
    LateOutcome,
    OutboundMessage,
    Provider,
    Receipt,
)

PHONE = 79261234567


def outgoing(
    message_id: int = 1,
    text: str = "Здравствуйте",
    *,
    leave_within: float = 5.0,
    valid_for: float = 3600.0,
    kind: type[OutboundMessage] = OutboundMessage,
) -> OutboundMessage:
    """A message to a number of its own."""
    now = time.monotonic()
    return kind(
        7,
        message_id,
        str(PHONE + message_id - 1),
        text,
        depart_before=now + leave_within,
        expires_at=now + valid_for,
    )


def flight(size: int, text: str = "Здравствуйте") -> list[OutboundMessage]:
    return [outgoing(number, text) for number in range(1, size + 1)]


class Heap:
    """A sink that keeps what comes in; it can be told to fail, as a database that is away."""

    def __init__(self) -> None:
        self.receipts: list[Receipt] = []
        self.inbound: list[Inbound] = []
        self.late: list[LateOutcome] = []
        self.broken = False

    async def on_receipts(self, receipts: Sequence[Receipt]) -> None:
        if self.broken:
            raise ConnectionError("the database is away")
        self.receipts.extend(receipts)

    async def on_inbound(self, messages: Sequence[Inbound]) -> None:
        if self.broken:
            raise ConnectionError("the database is away")
        self.inbound.extend(messages)

    async def on_late(self, late: LateOutcome) -> None:
        self.late.append(late)


@asynccontextmanager
async def opened(provider: Provider, sink: Heap | None = None) -> AsyncIterator[Connection[Any]]:
    connection = await provider.connect(sink or Heap())
    try:
        yield connection
    finally:
        await connection.close()


async def until_connected(connection: Connection[Any]) -> None:
    """Wait for a connection, so that a short deadline is none for opening it.

    A message that may not leave any more has no outcome; without a connection it is deferred.
    """
    while await connection.hand_over_all([outgoing(leave_within=0)]) != [None]:
        await asyncio.sleep(0.01)


async def until(holds: Callable[[], object], within: float = 5.0) -> None:
    """Wait until something holds; an AssertionError where it does not in time."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.01)


def run(test: Callable[[], Awaitable[None]]) -> None:
    """On the kind of loop that the workers have."""

    async def main() -> None:
        async with asyncio.timeout(30):
            await test()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
