"""The base of HTTP adapters: a request from a message, an outcome from an answer."""

from abc import abstractmethod
from typing import Any, TypeVar

from vestnik.providers.base import Connection, OutboundMessage, Outcome, Provider, Sink, TooLate
from vestnik.providers.http.response import Response
from vestnik.providers.http.transport import HttpTransport, Request, TransportOptions, explain
from vestnik.providers.options import Options


class HttpProvider(Provider):
    """A provider over HTTP; a subclass builds the request and interprets the answer."""

    transport_options: TransportOptions

    def configure(self, options: Options) -> None:
        self.transport_options = TransportOptions(
            options, window=self.window, deadline=self.deadline
        )

    async def connect(self, sink: Sink) -> "HttpConnection[Any]":
        return HttpConnection(self)

    @abstractmethod
    def request_for(self, message: OutboundMessage) -> Request:
        """Return the request that hands over the message."""

    @abstractmethod
    def outcome_of(self, answer: Response, message: OutboundMessage) -> Outcome:
        """Return the outcome that the answer means."""


HttpProviderT = TypeVar("HttpProviderT", bound=HttpProvider)


class HttpConnection(Connection[HttpProviderT]):
    """The connections to one gateway."""

    def __init__(self, provider: HttpProviderT) -> None:
        super().__init__(provider)
        self.transport = HttpTransport(provider.transport_options)

    async def close(self) -> None:
        await self.transport.close()

    async def hand_over(self, message: OutboundMessage) -> Outcome:
        try:
            answer = await self.transport.exchange(self.request_for(message), message)
        except TooLate:
            raise
        except Exception as error:
            return message.deferred_or_unknown(explain(error))
        return self.outcome_of(answer, message)

    def request_for(self, message: OutboundMessage) -> Request:
        """Return the provider's request, as this connection sends it."""
        return self.provider.request_for(message)

    def outcome_of(self, answer: Response, message: OutboundMessage) -> Outcome:
        """Return what the answer means to this connection."""
        return self.provider.outcome_of(answer, message)
