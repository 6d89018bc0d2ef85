"""Where providers put what comes in by itself."""

from collections.abc import Sequence

import structlog

from vestnik.providers.base import Inbound, Receipt

log = structlog.get_logger(__name__)


class DatabaseSink:
    """Receipts and inbound messages, on their way into the database."""

    async def on_receipts(self, receipts: Sequence[Receipt]) -> None:
        log.info("receipts", count=len(receipts))

    async def on_inbound(self, messages: Sequence[Inbound]) -> None:
        log.info("inbound messages", count=len(messages))
