"""The sink of providers' events: they are stored in the database before they are acknowledged."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TypeVar

import structlog
from django.db import DatabaseError, close_old_connections

from vestnik.dispatch.receive import late_responses, receipts
from vestnik.dispatch.suppress import opt_out
from vestnik.providers.base import Inbound, LateOutcome, Receipt

log = structlog.get_logger(__name__)

T = TypeVar("T")
R = TypeVar("R")

#: Seconds before each attempt to apply a late response.
LATE_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)


def store_receipts(events: Sequence[Receipt]) -> None:
    """Apply receipts, grouped by provider."""
    for alias, group in groupby(events, key=lambda receipt: receipt.alias):
        receipts.apply(alias, list(group))


def store_inbound(messages: Sequence[Inbound]) -> None:
    """Process texts from clients."""
    opt_out.process_inbound(messages)


class DatabaseSink:
    """Stores events in threads, so that the event loop, which calls it, never waits."""

    async def on_receipts(self, events: Sequence[Receipt]) -> None:
        await asyncio.to_thread(_with_connection, store_receipts, events)

    async def on_inbound(self, messages: Sequence[Inbound]) -> None:
        await asyncio.to_thread(_with_connection, store_inbound, messages)

    async def on_late(self, answer: LateOutcome) -> None:
        """Apply a late response, in several attempts: the message becomes `unknown` only when its
        flight is recorded."""
        for pause in LATE_PAUSES:
            await asyncio.sleep(pause)
            try:
                if await asyncio.to_thread(_with_connection, late_responses.apply, answer):
                    return
            except DatabaseError as trouble:
                log.warning("late response waits", trouble=type(trouble).__name__)


def _with_connection(store: Callable[[T], R], events: T) -> R:
    try:
        return store(events)
    finally:
        close_old_connections()
