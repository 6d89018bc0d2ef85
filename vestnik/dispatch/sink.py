"""Where providers put what comes in by itself: into the database, before it is acknowledged."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TypeVar

from django.db import close_old_connections

from vestnik.dispatch import receipts, stopping
from vestnik.providers.base import Inbound, Receipt

T = TypeVar("T")


def take_receipts(found: Sequence[Receipt]) -> None:
    """Apply receipts, those of each provider at once."""
    for alias, group in groupby(found, key=lambda receipt: receipt.alias):
        receipts.apply(alias, list(group))


def take_inbound(messages: Sequence[Inbound]) -> None:
    """Take what clients wrote to us."""
    stopping.obey(messages)


class DatabaseSink:
    """Called on the event loop; works in threads of its own, so the loop never waits."""

    async def on_receipts(self, found: Sequence[Receipt]) -> None:
        await asyncio.to_thread(_with_a_connection, take_receipts, found)

    async def on_inbound(self, messages: Sequence[Inbound]) -> None:
        await asyncio.to_thread(_with_a_connection, take_inbound, messages)


def _with_a_connection(take: Callable[[T], None], found: T) -> None:
    try:
        take(found)
    finally:
        close_old_connections()
