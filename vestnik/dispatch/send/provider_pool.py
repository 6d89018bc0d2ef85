"""The one event loop of a worker process, which owns the providers and their connections.

Providers are opened at their first flight, or at the worker's start where they listen, and stay
open between batches. The threads that claim and record get a flight's outcomes from here.
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
    OutboundMessage,
    Outcome,
    Provider,
    Rejected,
    Reply,
    Sink,
    StatusQuery,
)
from vestnik.providers.registry import build

log = structlog.get_logger(__name__)

T = TypeVar("T")

GRACE = 2.0
FIRST_RETRY, LONGEST_RETRY = 1.0, 60.0


class ProviderPool:
    """Providers on an event loop in a thread of its own."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._opened: dict[str, asyncio.Task[Provider]] = {}
        self._listening: set[asyncio.Task[None]] = set()
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="provider-pool", daemon=True
        )
        self._thread.start()

    def listen(self, alias: str) -> None:
        """Open a provider before its first flight, for what it hears; returns at once, and tries
        until it is open."""
        self._submit(self._listen(alias))

    def hand_over(
        self, description: Provider, flight: Sequence[OutboundMessage]
    ) -> Future[list[Outcome | None]]:
        """Hand a flight over; its outcomes to come, of which None is a message that did not leave.

        They are a TimeoutError where the provider does not keep its own deadline.
        """
        return self._submit(self._hand_over(description, flight))

    def ask(self, description: Provider, queries: Sequence[StatusQuery]) -> list[Reply]:
        """Ask a provider what became of messages, and wait for its replies."""
        return self._wait_for(self._ask(description, queries))

    def close(self) -> None:
        """Close the providers, as far as they let themselves be closed in time; stop the loop."""
        with contextlib.suppress(TimeoutError):
            self._wait_for(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)

    async def _hand_over(
        self, description: Provider, flight: Sequence[OutboundMessage]
    ) -> list[Outcome | None]:
        async with asyncio.timeout(description.deadline + GRACE):
            provider = await self._provider(description.alias)
            return await _hand_over_nonblank(provider, flight)

    async def _ask(self, description: Provider, queries: Sequence[StatusQuery]) -> list[Reply]:
        async with asyncio.timeout(description.deadline + GRACE):
            provider = await self._provider(description.alias)
            return await provider.ask(queries)

    async def _listen(self, alias: str) -> None:
        """Ends at once, too: the trying is a task that closing ends."""
        task = asyncio.create_task(self._open_with_retries(alias))
        self._listening.add(task)
        task.add_done_callback(self._listening.discard)

    async def _open_with_retries(self, alias: str) -> None:
        pause = FIRST_RETRY
        while True:
            try:
                await self._provider(alias)
                return
            except Exception as error:
                log.warning("provider does not open", provider=alias, trouble=type(error).__name__)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_RETRY)

    async def _provider(self, alias: str) -> Provider:
        opening = self._opened.get(alias)
        if opening is None or (opening.done() and opening.exception()):
            opening = self._opened[alias] = asyncio.create_task(self._open(alias))
        return await asyncio.shield(opening)

    async def _open(self, alias: str) -> Provider:
        provider = build(alias)
        await provider.open(self._sink)
        log.info("provider opened", provider=alias)
        return provider

    async def _close(self) -> None:
        for task in self._listening:
            task.cancel()
        opened = [each for each in self._opened.values() if each.done() and not each.exception()]
        async with asyncio.timeout(GRACE):
            await asyncio.gather(*(opening.result().close() for opening in opened))

    def _wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        return self._submit(work).result()

    def _submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)


async def _hand_over_nonblank(
    provider: Provider, flight: Sequence[OutboundMessage]
) -> list[Outcome | None]:
    """Hand over what has a text. Whatever made it, a blank one never leaves."""
    if not any(is_blank(outgoing.text) for outgoing in flight):
        return await provider.hand_over_all(flight)
    nonblank = [outgoing for outgoing in flight if not is_blank(outgoing.text)]
    outcomes = iter(await provider.hand_over_all(nonblank) if nonblank else [])
    return [
        outgoing.resolve(Rejected("0", NO_TEXT)) if is_blank(outgoing.text) else next(outcomes)
        for outgoing in flight
    ]
