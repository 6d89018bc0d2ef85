"""The base of adapters over HTTP: a request from a message, an outcome from an answer."""

from abc import abstractmethod

from vestnik.providers.base import OutboundMessage, Outcome, Provider, Sink, TooLate
from vestnik.providers.http.response import Response
from vestnik.providers.http.transport import HttpTransport, Request, explain
from vestnik.providers.options import Options


class HttpProvider(Provider):
    """A subclass says how a message becomes a request and how an answer becomes an outcome."""

    transport: HttpTransport

    def configure(self, options: Options) -> None:
        self.transport = HttpTransport(options, window=self.window, deadline=self.deadline)

    async def open(self, sink: Sink) -> None:
        await self.transport.open()

    async def close(self) -> None:
        await self.transport.close()

    @abstractmethod
    def request_for(self, message: OutboundMessage) -> Request:
        """Return the request that hands over the message."""

    @abstractmethod
    def outcome_of(self, answer: Response, message: OutboundMessage) -> Outcome:
        """What the answer to it means."""

    async def hand_over(self, message: OutboundMessage) -> Outcome:
        try:
            answer = await self.transport.exchange(self.request_for(message), message)
        except TooLate:
            raise
        except Exception as error:
            return self.deferred_or_unknown(message, explain(error))
        return self.outcome_of(answer, message)
