"""What became of a hand-over."""

from dataclasses import dataclass
from typing import Literal

from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

#: Characters of a provider's id for a message that are kept.
PROVIDER_ID_LENGTH = 100


class TooLate(Exception):
    """The message must not leave any more: its flight's time is over."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider has the message; `provider_id` is its own id for it, if it gave one.

    A message that went in several parts has an id for each, `part_ids`, of which `provider_id` is
    the first, and gets a receipt for each: see `verdict_of`.
    """

    provider_id: str = ""
    part_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """The provider will never take the message; `reason` does not repeat `code`, which is empty
    where the provider was not asked."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Deferred:
    """The provider has not taken the message and may take it later.

    `retry_after` is what the provider asks for, in seconds; without it our back-off decides. To
    the pipeline a provider that sets it is busy, and one that does not is in trouble: the adapter
    sets it where the provider says "too much" and not for how long.
    `provider_wide`: not this message but everything waits (throttled, credentials refused, no
    connection that works): parking the provider is better than burning each message's attempts.
    `account`: the account is refused, so nothing goes out until somebody mends it; `perhaps` where
    the answer may as well be about this recipient alone, as a 403 is.
    """

    reason: str
    retry_after: float | None = None
    provider_wide: bool = False
    account: Literal["", "perhaps", "certainly"] = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody can tell whether the provider has the message."""

    reason: str


def account_refused(
    code: str, retry_after: float | None = None, *, reason: str = "", perhaps: bool = False
) -> Deferred:
    """In the words that mailing, page and API say. An adapter may give `code: reason` as one."""
    if not reason:
        code, _separator, reason = code.partition(": ")
    refused = Reason(Code.ACCOUNT_REFUSED, code=code)
    if reason:
        refused = Reason(Code.ACCOUNT_REFUSED_BECAUSE, code=code, reason=reason)
    return Deferred(
        refused, retry_after, provider_wide=True, account="perhaps" if perhaps else "certainly"
    )


Outcome = Accepted | Rejected | Deferred | Unknown
