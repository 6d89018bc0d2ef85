"""Where providers put what comes in by itself: into the database, before it is acknowledged."""

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

LATE_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)


def store_receipts(events: Sequence[Receipt]) -> None:
    """Apply receipts, those of each provider at once."""
    for alias, group in groupby(events, key=lambda receipt: receipt.alias):
        receipts.apply(alias, list(group))


def store_inbound(messages: Sequence[Inbound]) -> None:
    """Take what clients wrote to us."""
    opt_out.process_inbound(messages)


class DatabaseSink:
    """Called on the event loop; works in threads of its own, so the loop never waits."""

    async def on_receipts(self, events: Sequence[Receipt]) -> None:
        await asyncio.to_thread(_with_connection, store_receipts, events)

    async def on_inbound(self, messages: Sequence[Inbound]) -> None:
        await asyncio.to_thread(_with_connection, store_inbound, messages)

    async def on_late(self, answer: LateOutcome) -> None:
        """Tried for a while: its message is `unknown` only once its flight is recorded."""
        for pause in LATE_PAUSES:
            await asyncio.sleep(pause)
            try:
                if await asyncio.to_thread(_with_connection, late_responses.apply, answer):
                    return
            except DatabaseError as trouble:
                log.warning("late answer waits", trouble=type(trouble).__name__)


def _with_connection(store: Callable[[T], R], events: T) -> R:
    try:
        return store(events)
    finally:
        close_old_connections()
