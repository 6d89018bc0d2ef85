"""The null provider: takes everything and sends nothing. For measuring what stands before it."""

from collections.abc import Mapping, Sequence

from vestnik.providers.base import Accepted, Outcome, Outgoing, Provider, TooLate
from vestnik.providers.options import Options

TAKEN = Accepted()


class NullProvider(Provider):
    """Accepts and discards."""

    window = 250

    def __init__(self, alias: str, options: Mapping[str, object]) -> None:
        super().__init__(alias, options)
        given = Options(options)
        self.window = int(given.number("window", self.window, least=1))
        self.max_rate = given.rate("max_rate")
        given.done()

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
