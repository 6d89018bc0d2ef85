"""What comes back from a provider after the hand-over, in one vocabulary for all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

ReceiptState = Literal["delivered", "undelivered"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """The provider's final word on a message, found by its own id or by ours.

    States that are not final make no receipt. `at` is the provider's own instant where it gives
    one with a zone, else when the receipt came. `phone_number` is of whom it speaks, where the
    provider says so: a message to somebody else is not meant.
    """

    alias: str
    state: ReceiptState
    at: datetime
    provider_id: str = ""
    message_id: int | None = None
    error: str = ""
    phone_number: str = ""


def combined_state(parts: Iterable[ReceiptState | None]) -> ReceiptState | None:
    """What a message of several parts is: delivered when all are, undelivered as soon as one is.

    None stands for a part without a receipt, and for "not known yet".
    """
    states = set(parts)
    if "undelivered" in states:
        return "undelivered"
    return None if None in states or not states else "delivered"


def normalize_sender(written: str, *, international: bool = False) -> str:
    """A sender's number: its digits, and the plus that keeps a foreign one foreign.

    `international` says that a country code stands first even without a plus, as SMPP's type of
    number 1 does; some centres say so of 8XXXXXXXXXX too, which begins with no country's code.
    """
    digits = "".join(one for one in written if one.isascii() and one.isdigit())
    ours = (digits[:1], len(digits)) in (("7", 11), ("8", 11))
    has_country_code = "+" in written or (international and not digits.startswith("00"))
    return f"+{digits}" if digits and has_country_code and not ours else digits


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message that somebody sent to us. `key` is the vendor's id of it, by which it is known when
    it is told again; empty where the vendor gives none."""

    alias: str
    phone_number: str
    text: str
    at: datetime
    key: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class CallbackResult:
    """What a callback said, and the body with which to answer it (with status 200)."""

    receipts: Sequence[Receipt] = ()
    inbound: Sequence[Inbound] = ()
    answer: str = "OK"


@dataclass(frozen=True, slots=True)
class StatusQuery:
    """A message whose fate is asked for."""

    message_id: int
    phone_number: str
    provider_id: str = ""
