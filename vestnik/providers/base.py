"""The contract between the pipeline and a provider.

A `Provider` is a configured way out. Each worker process connects to it once, on its event loop,
and keeps the `Connection`. The connection is handed flights of messages and answers each message
with one of four outcomes:

- `Accepted`: the provider has it. It is never sent again.
- `Rejected`: the provider refuses it for good. The message is `failed`.
- `Deferred`: the provider has not taken it and may take it later. It is tried again with back-off.
- `Unknown`: it is not known whether the provider has it. The message is `unknown`. It is sent again
  only by an operator, or if the provider deduplicates by our message id.

The `reason` of an outcome is a `Reason` of the catalogue, or a text of the adapter or the gateway,
which is stored and shown as it is.

`Deferred` means that the message has *not* been taken. If that is not certain, the outcome is
`Unknown`: a read time-out, a reset, an unclear 5xx, a 200 that cannot be parsed.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, Generic, Literal, NamedTuple, Protocol, TypeVar

from vestnik.providers.callbacks import Callback, CallerUnknown
from vestnik.providers.events import (
    CallbackResult,
    Inbound,
    Receipt,
    ReceiptState,
    StatusQuery,
    combined_state,
)
from vestnik.providers.options import Options
from vestnik.providers.outcomes import (
    PROVIDER_ID_LENGTH,
    Accepted,
    Deferred,
    Outcome,
    Rejected,
    TooLate,
    Unknown,
    account_refused,
)
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

__all__ = [
    "PROVIDER_ID_LENGTH",
    "Accepted",
    "CallbackResult",
    "Connection",
    "Deferred",
    "Inbound",
    "LateOutcome",
    "OutboundMessage",
    "Outcome",
    "Provider",
    "Receipt",
    "ReceiptState",
    "Rejected",
    "Reply",
    "Sink",
    "StatusQuery",
    "TooLate",
    "Unknown",
    "account_refused",
    "combined_state",
]


@dataclass(slots=True, eq=False, repr=False)
class OutboundMessage:
    """One message on its way out. Instants are of `time.monotonic()`."""

    #: No provider has named it yet; templates serve messages and status queries alike.
    provider_id: ClassVar = ""

    mailing_id: int
    message_id: int
    phone_number: str
    text: str
    depart_before: float = field(kw_only=True)
    expires_at: float = field(kw_only=True)
    departed_at: float | None = field(default=None, init=False)
    answered_at: float | None = field(default=None, init=False)
    is_resolved: bool = field(default=False, init=False)
    outcome: Outcome | None = field(default=None, init=False)
    #: Set by the pipeline to identify an attempt that is in doubt, for a `LateOutcome`.
    attempt: object = field(default=None, init=False)

    def mark_departed(self) -> None:
        """Note the departure. Call it right before the first byte; raises TooLate if none may go.

        A failure before this call is safe to repeat; after it, the message is in doubt. The check
        uses the monotonic clock, so messages of a process that was suspended are too late.
        """
        now = time.monotonic()
        if now >= self.depart_before:
            raise TooLate
        self.departed_at = now

    @property
    def is_late(self) -> bool:
        """Whether the message must not leave any more."""
        return time.monotonic() >= self.depart_before

    def resolve(self, outcome: Outcome | None) -> Outcome | None:
        """Set the outcome, which other threads read before the flight is over."""
        self.outcome = outcome
        self.is_resolved = True
        return outcome

    def deferred_or_unknown(self, reason: str) -> Outcome:
        """Return `Deferred` if nothing of the message has left, else `Unknown`."""
        return Deferred(reason) if self.departed_at is None else Unknown(reason)

    @property
    def validity(self) -> int:
        """The validity period for the provider: whole seconds until the mailing's end.

        Before the departure it counts from the last instant at which the message may leave: a
        request that is built and then waits for a connection must not promise more.
        """
        departs_at = self.depart_before if self.departed_at is None else self.departed_at
        return max(0, int(self.expires_at - departs_at))


#: `Receipt`: the final state. `Accepted`: the provider has the message and is sending it.
#: `Deferred`: the provider does not have it. `Unknown`: there was no usable answer.
Reply = Receipt | Accepted | Deferred | Unknown


class LateOutcome(NamedTuple):
    """The outcome of a hand-over that was answered after its deadline."""

    message: OutboundMessage
    outcome: Outcome


class Sink(Protocol):
    """Stores what a provider sends by itself; each method returns once it is stored.

    If a method raises, the provider does not acknowledge, so that its peer sends again.
    """

    async def on_receipts(self, receipts: Sequence[Receipt]) -> None: ...

    async def on_inbound(self, messages: Sequence[Inbound]) -> None: ...

    async def on_late(self, late: LateOutcome) -> None: ...


class Provider(ABC):
    """A configured way out: its options, its abilities, and how to connect to it.

    A subclass overrides `connect`, and `configure` for options of its own. A provider holds no
    connection and never changes, so pages, the API and workers share one.
    """

    #: The unit of `max_rate`.
    paced_by: ClassVar[Literal["message", "segment"]] = "message"
    #: Whether the provider answers status queries, by `Connection.ask`.
    can_query: bool = False
    #: Whether sending the same message id twice reaches the client once.
    deduplicates: bool = False
    #: The most messages in flight at once in one process.
    window: int = 100
    #: Messages, or segments by `paced_by`, a second over all workers; None means no limit.
    max_rate: float | None = None
    #: Seconds after which a hand-over without an answer is `Unknown`. A lease lasts longer.
    deadline: float = 10.0
    #: The sender's name or number; empty if the provider's account decides.
    sender: str = ""
    #: The price of a segment, if it is known.
    price_per_segment: Decimal | None = None
    #: A message in doubt is held for the operator, or sent again.
    in_doubt: Literal["hold", "resend"] = "hold"
    #: Temporary refusals after which a message is `failed`; None means until the mailing's end.
    max_attempts: int | None = None
    #: Whether receipts may come, so that its ids are stored to find their messages.
    gives_receipts: bool = True
    #: Receipts come by callback, or by status queries.
    receipts: Literal["callback", "query"] = "callback"
    #: Whether receipts or texts come over its connection, so that a worker connects at its start.
    listens: bool = False

    def __init__(self, alias: str, options_by_name: Mapping[str, object]) -> None:
        """Read the options. Raises OptionError if they are not this provider's."""
        self.alias = alias
        options = Options(options_by_name)
        self.window = options.whole("window", self.window, least=1, most=10_000)
        self.max_rate = options.rate("max_rate")
        self.deadline = options.number("deadline", self.deadline, least=0.1)
        self.sender = options.text("sender", self.sender).strip()
        self.price_per_segment = options.decimal("price_per_segment")
        self.in_doubt = options.choice("in_doubt", self.in_doubt, ("hold", "resend"))
        self.max_attempts = options.whole("max_attempts", 0) or None
        self.configure(options)
        options.done()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.alias}>"

    def configure(self, options: Options) -> None:
        """Read the options that only this provider has."""

    @abstractmethod
    async def connect(self, sink: Sink) -> "Connection[Any]":
        """Return an open connection. Called once in each worker process, on its event loop."""

    def read_callback(self, callback: Callback) -> CallbackResult:
        """Parse a request that the provider made to us.

        Raises CallbackRefused if the request is not authenticated as the provider's, or cannot be
        parsed.
        """
        raise CallerUnknown("this provider sends no callbacks")


ProviderT = TypeVar("ProviderT", bound=Provider)


class Connection(ABC, Generic[ProviderT]):
    """An open way to a provider, on the event loop of one worker process.

    A subclass overrides `hand_over`, and `close` if it keeps something open.
    """

    def __init__(self, provider: ProviderT) -> None:
        self.provider = provider

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.provider.alias}>"

    async def close(self) -> None:
        """Close what is open. Called once, when the worker process ends."""

    @abstractmethod
    async def hand_over(self, message: OutboundMessage) -> Outcome:
        """Hand one message over: call `message.mark_departed()`, then write the first byte."""

    async def hand_over_all(self, flight: Sequence[OutboundMessage]) -> list[Outcome | None]:
        """Hand over a flight, all at once, since a flight is never larger than the window.

        None means that a message did not leave in time and may be queued again.
        """
        if not flight:
            return []
        tasks = [asyncio.create_task(self._guarded(message)) for message in flight]
        try:
            # One timer for the flight: a timer per message costs a tenth of the throughput.
            await asyncio.wait(tasks, timeout=self.provider.deadline)
        finally:
            for task in tasks:
                task.cancel()
        return await asyncio.gather(*tasks)

    async def _guarded(self, message: OutboundMessage) -> Outcome | None:
        outcome: Outcome | None
        try:
            outcome = await self.hand_over(message)
            message.answered_at = time.monotonic()
        except TooLate:
            outcome = None
        except asyncio.CancelledError:
            reason = Reason(Code.NO_ANSWER_WITHIN, time=self.provider.deadline)
            outcome = message.deferred_or_unknown(reason)
        except Exception as error:
            reason = Reason(Code.PROVIDER_ERROR, kind=type(error).__name__)
            outcome = message.deferred_or_unknown(reason)
        return message.resolve(outcome)

    async def ask(self, queries: Sequence[StatusQuery]) -> list[Reply]:
        """Return the fate of these messages; only called if `Provider.can_query`."""
        raise NotImplementedError
