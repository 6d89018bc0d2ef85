"""The outcomes of a hand-over, and the classes into which vendors' error codes are sorted."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal

from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

#: Characters of a provider's id for a message that are kept.
PROVIDER_ID_LENGTH = 100


class TooLate(Exception):
    """Raised when a message must not leave any more, because the time of its flight is over."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider has the message; `provider_id` is its id for it, empty if it gave none.

    A message of several parts has an id per part, `part_ids`, of which `provider_id` is the first,
    and gets a receipt per part; `combined_state` combines them.
    """

    provider_id: str = ""
    part_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """The provider refuses the message for good.

    `reason` does not repeat `code`, which is empty if the provider was not asked.
    """

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Deferred:
    """The provider has not taken the message and may take it later.

    `retry_after` is the wait in seconds that the provider asks for; without it our back-off
    decides. The pipeline treats a provider that sets it as busy, and one that does not as failing,
    so an adapter sets it also for "too many requests" without a time.

    `provider_wide`: not this message alone but everything waits (throttled, credentials refused, no
    usable connection). Pausing the provider is better than using up each message's attempts.

    `account`: the account is refused, so nothing goes out until an operator fixes it; `perhaps` if
    the answer may concern this recipient alone, as a 403 may.
    """

    reason: str
    retry_after: float | None = None
    provider_wide: bool = False
    account: Literal["", "perhaps", "certainly"] = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """It is not known whether the provider has the message."""

    reason: str


def account_refused(
    code: str, retry_after: float | None = None, *, reason: str = "", perhaps: bool = False
) -> Deferred:
    """Return the outcome of a refused account, with the reason that mailing, page and API show.

    An adapter may pass `code: reason` as one text.
    """
    if not reason:
        code, _separator, reason = code.partition(": ")
    refused = Reason(Code.ACCOUNT_REFUSED, code=code)
    if reason:
        refused = Reason(Code.ACCOUNT_REFUSED_BECAUSE, code=code, reason=reason)
    return Deferred(
        refused, retry_after, provider_wide=True, account="perhaps" if perhaps else "certainly"
    )


Outcome = Accepted | Rejected | Deferred | Unknown


class ErrorClass(Enum):
    """What a gateway's answer means for the message."""

    ACCEPTED = auto()
    #: The gateway refuses this message for good.
    PERMANENT = auto()
    #: The gateway refuses this message for now.
    TEMPORARY = auto()
    #: The gateway refuses everything from us for now.
    THROTTLED = auto()
    #: The gateway refuses everything until an operator fixes the account.
    ACCOUNT = auto()
    #: The session is not bound any more, so nothing can be sent over it.
    UNBOUND = auto()
    #: The gateway may or may not have taken the message.
    AMBIGUOUS = auto()
