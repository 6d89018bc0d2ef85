"""The contract between the pipeline and a provider.

A `Provider` is a configured way out. Each worker process connects to it once, on its one event
loop, and keeps the `Connection`: that one is handed flights of messages and answers each message
with one of four outcomes:

- `Accepted`: the provider has it. Never sent again.
- `Rejected`: the provider will not have it, now or later. The message is `failed`.
- `Deferred`: the provider does not have it, but may take it later. Tried again with back-off.
- `Unknown`: it is not known whether the provider has it. The message is `unknown`, and never
  sent again on our own account unless the provider deduplicates by our message id.

The `reason` of an outcome is a `Reason` of the catalogue, or a text of the adapter's or the
gateway's own, which is stored and shown as it is.

`Deferred` is a claim that the message has *not* been taken. Where that is not certain, the answer
is `Unknown`: a read time-out, a reset, a 5xx that does not say, a 200 that cannot be parsed.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
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


class OutboundMessage:
    """One message on its way out. Instants are of `time.monotonic()`."""

    __slots__ = (
        "answered_at",
        "attempt",
        "depart_before",
        "departed_at",
        "expires_at",
        "is_resolved",
        "mailing_id",
        "message_id",
        "outcome",
        "phone_number",
        "text",
    )

    def __init__(
        self,
        mailing_id: int,
        message_id: int,
        phone_number: str,
        text: str,
        *,
        depart_before: float,
        expires_at: float,
    ) -> None:
        self.mailing_id = mailing_id
        self.message_id = message_id
        self.phone_number = phone_number
        self.text = text
        self.depart_before = depart_before
        self.expires_at = expires_at
        self.departed_at: float | None = None
        self.answered_at: float | None = None
        self.is_resolved = False
        self.outcome: Outcome | None = None
        #: What the pipeline notes of an attempt that is in doubt, to know it again: see `Late`.
        self.attempt: object = None

    def mark_departed(self) -> None:
        """Call right before the first byte goes out; raises TooLate where none may.

        What goes wrong before this call is safe to try again; what goes wrong after it is in
        doubt. The check is by the monotonic clock, so a process that was stopped and let go again
        finds its messages too late.
        """
        now = time.monotonic()
        if now >= self.depart_before:
            raise TooLate
        self.departed_at = now

    @property
    def is_late(self) -> bool:
        """Whether it must not leave any more."""
        return time.monotonic() >= self.depart_before

    def resolve(self, outcome: Outcome | None) -> Outcome | None:
        """Set the outcome, for other threads to read before the flight is over."""
        self.outcome = outcome
        self.is_resolved = True
        return outcome

    def deferred_or_unknown(self, reason: str) -> Outcome:
        """`Deferred` where nothing of the message had left, else `Unknown`."""
        return Deferred(reason) if self.departed_at is None else Unknown(reason)

    @property
    def validity(self) -> int:
        """Whole seconds until the mailing's end: the validity period for the provider.

        Before it departs, it counts from the last instant at which it may: a request that is
        written and then waits for a connection must not promise more than is left by then.
        """
        departs_at = self.depart_before if self.departed_at is None else self.departed_at
        return max(0, int(self.expires_at - departs_at))


#: `Receipt`: its final state. `Accepted`: the provider has it, on its way. `Deferred`: the
#: provider does not have it. `Unknown`: it could not be asked, or could not tell.
Reply = Receipt | Accepted | Deferred | Unknown


class LateOutcome(NamedTuple):
    """The outcome of a hand-over whose answer came after its deadline."""

    message: OutboundMessage
    outcome: Outcome


class Sink(Protocol):
    """Where a provider puts what comes in by itself. Returns once it is stored.

    Where it raises, the provider does not acknowledge, so that its peer sends again.
    """

    async def on_receipts(self, receipts: Sequence[Receipt]) -> None: ...

    async def on_inbound(self, messages: Sequence[Inbound]) -> None: ...

    async def on_late(self, late: LateOutcome) -> None: ...


class Provider(ABC):
    """A configured way out: its options, what it can do, and how to connect to it.

    A subclass overrides `connect`, and `configure` for options of its own. It holds no connection
    and does not change, so that pages, the API and workers may share one.
    """

    #: What `max_rate` counts.
    paced_by: ClassVar[Literal["message", "segment"]] = "message"
    #: The provider can be asked what became of a message: `Connection.ask`.
    can_query: bool = False

    #: Sending the same message id twice reaches the client once.
    deduplicates: bool = False
    #: How many messages may be in flight at once in one process.
    window: int = 100
    #: Messages (or segments, see `paced_by`) a second over all workers; None is without limit.
    max_rate: float | None = None
    #: Seconds after which a hand-over without an answer is `Unknown`. The lease outlives it.
    deadline: float = 10.0
    #: The sender's name or number; empty where the provider's account decides.
    sender: str = ""
    #: What one segment costs, if that is known.
    price_per_segment: Decimal | None = None
    #: What becomes of a message in doubt: held for the operator, or sent again.
    in_doubt: Literal["hold", "resend"] = "hold"
    #: After how many temporary refusals a message is `failed`; None is until the mailing's end.
    max_attempts: int | None = None
    #: Receipts may come for what it accepts, so its ids are kept for finding their messages.
    gives_receipts: bool = True
    #: Whether it calls back about what was sent, or has to be asked.
    receipts: Literal["callback", "query"] = "callback"
    #: It hears receipts or texts over a line of its own, so a worker connects at its start.
    listens: bool = False

    def __init__(self, alias: str, options_by_name: Mapping[str, object]) -> None:
        """Raises OptionError where `options` are not this provider's."""
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
        """Take the options that only this provider has."""

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

    A subclass overrides `hand_over`, and `close` where it keeps something open.
    """

    def __init__(self, provider: ProviderT) -> None:
        self.provider = provider

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.provider.alias}>"

    async def close(self) -> None:
        """Called once, when the worker process ends."""

    @abstractmethod
    async def hand_over(self, message: OutboundMessage) -> Outcome:
        """Give one message to the provider: `message.mark_departed()`, then the first byte."""

    async def hand_over_all(self, flight: Sequence[OutboundMessage]) -> list[Outcome | None]:
        """Give a flight to the provider, all at once: a flight is never larger than the window.

        None stands for a message that did not leave in time and may be queued again.
        """
        if not flight:
            return []
        tasks = [asyncio.create_task(self._guarded(message)) for message in flight]
        try:
            # One timer for the flight: one for each message costs a tenth of the throughput.
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
