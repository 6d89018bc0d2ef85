"""What providers report after the hand-over, in one form for all of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Literal

ReceiptState = Literal["delivered", "undelivered"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """The final state of a message, found by the provider's id or by ours.

    States that are not final make no receipt. `at` is the provider's time if it gives one with a
    zone, else the time of arrival. `phone_number` is the recipient if the provider names it: the
    receipt does not apply to a message to another number.
    """

    alias: str
    state: ReceiptState
    at: datetime
    provider_id: str = ""
    message_id: int | None = None
    error: str = ""
    phone_number: str = ""


def combined_state(parts: Iterable[ReceiptState | None]) -> ReceiptState | None:
    """Return the state of a message of several parts: delivered once all are, undelivered once one
    is.

    None means no receipt of that part yet, or no state yet.
    """
    states = set(parts)
    if "undelivered" in states:
        return "undelivered"
    return None if None in states or not states else "delivered"


def normalize_sender(written: str, *, international: bool = False) -> str:
    """Return a sender's digits, with a plus if the number is foreign.

    `international` means that a country code comes first even without a plus, as SMPP's type of
    number 1 says. Some SMSCs set it for 8XXXXXXXXXX too, which has no country code.
    """
    digits = "".join(one for one in written if one.isascii() and one.isdigit())
    ours = (digits[:1], len(digits)) in (("7", 11), ("8", 11))
    has_country_code = "+" in written or (international and not digits.startswith("00"))
    return f"+{digits}" if digits and has_country_code and not ours else digits


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message from a client to us.

    `key` is the vendor's id of it, which identifies repetitions; empty if the vendor gives none.
    """

    alias: str
    phone_number: str
    text: str
    at: datetime
    key: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class CallbackResult:
    """The content of a callback, and the body of our answer (with status 200)."""

    receipts: Sequence[Receipt] = ()
    inbound: Sequence[Inbound] = ()
    answer: str = "OK"


@dataclass(frozen=True, slots=True)
class StatusQuery:
    """A message whose state is queried."""

    message_id: int
    phone_number: str
    provider_id: str = ""
    #: A query has neither; templates serve messages and queries alike.
    text: ClassVar = ""
    validity: ClassVar = 0
