"""The null provider: accepts everything and sends nothing, to measure the pipeline alone."""

from collections.abc import Sequence

from vestnik.providers.base import (
    Accepted,
    Connection,
    OutboundMessage,
    Outcome,
    Provider,
    Sink,
    TooLate,
)

TAKEN = Accepted()


class NullProvider(Provider):
    """Accepts messages and discards them."""

    window = 250
    gives_receipts = False

    async def connect(self, sink: Sink) -> "NullConnection":
        return NullConnection(self)


class NullConnection(Connection[NullProvider]):
    """Takes each message that is not too late."""

    async def hand_over(self, message: OutboundMessage) -> Outcome:
        message.mark_departed()
        return TAKEN

    async def hand_over_all(self, flight: Sequence[OutboundMessage]) -> list[Outcome | None]:
        return [self._take(message) for message in flight]

    def _take(self, message: OutboundMessage) -> Outcome | None:
        try:
            message.mark_departed()
        except TooLate:
            return None
        return TAKEN
