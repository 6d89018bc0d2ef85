"""The null provider: takes everything and sends nothing. For measuring what stands before it."""

from collections.abc import Sequence

from vestnik.providers.base import Accepted, Outcome, Outgoing, Provider, TooLate

TAKEN = Accepted()


class NullProvider(Provider):
    """Accepts and discards."""

    window = 250
    gives_receipts = False

    async def hand_over(self, message: Outgoing) -> Outcome:
        message.depart()
        return TAKEN

    async def hand_over_all(self, flight: Sequence[Outgoing]) -> list[Outcome | None]:
        return [self._take(message) for message in flight]

    def _take(self, message: Outgoing) -> Outcome | None:
        try:
            message.depart()
        except TooLate:
            return None
        return TAKEN
