"""The base of adapters over HTTP: a request from a message, an outcome from an answer."""

from abc import abstractmethod

from vestnik.providers.base import Outcome, Outgoing, Provider, Sink, TooLate
from vestnik.providers.http.response import Answer
from vestnik.providers.http.transport import Line, Request, explain
from vestnik.providers.options import Options


class HttpProvider(Provider):
    """A subclass says how a message becomes a request and how an answer becomes an outcome."""

    line: Line

    def configure(self, given: Options) -> None:
        self.line = Line(given, window=self.window, deadline=self.deadline)

    async def open(self, sink: Sink) -> None:
        await self.line.open()

    async def close(self) -> None:
        await self.line.close()

    @abstractmethod
    def request_for(self, message: Outgoing) -> Request:
        """The request that hands over the message."""

    @abstractmethod
    def outcome_of(self, answer: Answer, message: Outgoing) -> Outcome:
        """What the answer to it means."""

    async def hand_over(self, message: Outgoing) -> Outcome:
        try:
            answer = await self.line.exchange(self.request_for(message), message)
        except TooLate:
            raise
        except Exception as error:
            return self.in_two_minds(message, explain(error))
        return self.outcome_of(answer, message)
