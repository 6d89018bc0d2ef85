"""A flight: messages that are handed over together, and their results so far.

A flight does not wait for its slowest answer. Once half of it is answered, the rest gets as long
again; messages without an answer then stay in flight beside the next flight. So a lost answer holds
its own place in the window until its deadline, and nothing else (decision 0006).
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import NamedTuple

import structlog

from vestnik.dispatch.record.due_messages import QueuedMessage
from vestnik.dispatch.send.provider_pool import ProviderPool
from vestnik.providers.base import OutboundMessage, Outcome, Provider
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

log = structlog.get_logger(__name__)

#: The least seconds that a flight waits for answers: gateways usually answer within this time.
SHORTEST_ANSWER_WAIT = 0.1

PendingOutcomes = Future[list[Outcome | None]]


class SendResult(NamedTuple):
    """A message with its outcome; None if it did not leave."""

    message: QueuedMessage
    outgoing: OutboundMessage
    outcome: Outcome | None


class Flight:
    """One flight; `out` are its messages without a result, by their position in the flight."""

    def __init__(
        self,
        provider: Provider,
        messages: Sequence[QueuedMessage],
        outgoing: Sequence[OutboundMessage],
    ) -> None:
        self._provider, self._outgoing = provider, outgoing
        self.answers: PendingOutcomes = Future()
        self.out = dict(enumerate(zip(messages, outgoing, strict=True)))

    @property
    def ids(self) -> list[int]:
        """The ids of the messages without a result."""
        return [message.message_id for message, _ in self.out.values()]

    def hand_over(self, pool: ProviderPool, *, wait_for_most: bool = True) -> None:
        """Hand the messages over, and wait until all are answered, or until half are and the rest
        had as long again."""
        self.answers = pool.hand_over(self._provider, self._outgoing)
        if not wait_for_most:
            return
        waited = 0.0
        while not wait([self.answers], max(SHORTEST_ANSWER_WAIT, waited)).done:
            waited += max(SHORTEST_ANSWER_WAIT, waited)
            if 2 * sum(outgoing.is_resolved for _, outgoing in self.out.values()) >= len(self.out):
                return

    def collect(self) -> list[SendResult]:
        """Return the results that arrived since the last call."""
        if self.answers.done():
            return self._collect_all(self._outcomes())
        places = [place for place, (_, outgoing) in self.out.items() if outgoing.is_resolved]
        taken = [self.out.pop(place) for place in places]
        return [SendResult(message, outgoing, outgoing.outcome) for message, outgoing in taken]

    def _collect_all(self, outcomes: Mapping[int, Outcome | None]) -> list[SendResult]:
        out, self.out = self.out, {}
        return [
            SendResult(message, sent, sent.outcome if sent.is_resolved else outcomes[place])
            for place, (message, sent) in out.items()
        ]

    def _outcomes(self) -> Mapping[int, Outcome | None]:
        try:
            return dict(enumerate(self.answers.result()))
        except Exception as error:
            log.exception("provider failed", provider=self._provider.alias)
            trouble = Reason(Code.PROVIDER_ERROR, kind=type(error).__name__)
            return {
                place: outgoing.deferred_or_unknown(trouble)
                for place, (_, outgoing) in self.out.items()
            }


def wait_for_any(flights: Sequence[Flight], seconds: float) -> None:
    """Wait until one flight is answered completely, at most `seconds`."""
    wait([flight.answers for flight in flights], seconds, FIRST_COMPLETED)


def wait_for_all(flights: Sequence[Flight], seconds: float | None = None) -> None:
    """Wait until all flights are answered completely, at most `seconds`; None waits for their
    deadlines."""
    wait([flight.answers for flight in flights], seconds)
