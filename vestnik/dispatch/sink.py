"""Where providers put what comes in by itself: into the database, before it is acknowledged."""

import asyncio
from collections.abc import Sequence
from itertools import groupby

import structlog
from django.db import close_old_connections

from vestnik.dispatch import receipts
from vestnik.providers.base import Inbound, Receipt

log = structlog.get_logger(__name__)


class DatabaseSink:
    """Called on the event loop; works in threads of its own, so the loop never waits."""

    async def on_receipts(self, found: Sequence[Receipt]) -> None:
        await asyncio.to_thread(_keep, found)

    async def on_inbound(self, messages: Sequence[Inbound]) -> None:
        for message in messages:
            log.info("inbound message", provider=message.alias, length=len(message.text))


def _keep(found: Sequence[Receipt]) -> None:
    try:
        for alias, group in groupby(found, key=lambda receipt: receipt.alias):
            receipts.apply(alias, list(group))
    finally:
        close_old_connections()
