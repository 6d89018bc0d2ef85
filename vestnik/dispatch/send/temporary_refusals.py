"""Refusals for now that may be about the provider, or about one recipient alone.

A 429, a full queue or a 403 says that the provider takes nothing just now, or that it takes nothing
for this number. Other recipients tell which: who is refused again although others were taken since
is refused for themself. Such a refusal neither rests the lane nor feeds the breaker, and after some
of them it counts as an attempt, with a growing back-off.
"""

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from vestnik.dispatch.send.flight import Landed
from vestnik.providers.base import Accepted, Deferred, Outcome, Outgoing, Rejected

#: After so many that were a recipient's own each counts as an attempt: by then it is no accident
#: of a provider that throttles every other message.
COUNTED_FROM = 3
#: With so many recipients known to be refused for themselves, a few more are no reason to rest.
KNOWN_SINGLES, FEW = 3, 0.05
SHORTEST_REST, LONGEST_REST = 1.0, 30.0
#: What may be about one recipient alone rests the lane no longer, whatever it asks for.
LONGEST_REST_FOR_ONE = 2.0
#: The refused come after those whom the end of the rest lets go.
BEHIND = (0.25, 0.5)
#: More than these are not remembered: an entry is some 200 bytes.
MOST_REMEMBERED = 20_000


class Refusal(NamedTuple):
    """The last one of a recipient: when the message departed, and how many were their own."""

    departed_at: float
    own: int


@dataclass(frozen=True, slots=True)
class Sorted:
    """What landed, sorted: `behind` says in how many seconds a message may be tried again, without
    an attempt; `of_the_provider` is what is learnt of the provider from it."""

    landed: Sequence[Landed]
    behind: dict[int, float]
    of_the_provider: Sequence[Landed]
    rest: float


class Repeats:
    """Shared by the threads of a lane."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._refusals: dict[str, Refusal] = {}
        self._good_at = 0.0
        self._singles = 0

    def last_refused(self, phone_number: str) -> float:
        """When a message to it departed to be refused, 0 where none was: who comes first to try
        with."""
        refusal = self._refusals.get(phone_number)
        return refusal.departed_at if refusal else 0.0

    def sort(self, landed: Sequence[Landed]) -> Sorted:
        """Learn from what landed."""
        refused = [one for one in landed if asks_to_wait(one.outgoing, one.outcome)]
        with self._lock:
            self._note_good(landed)
            if not refused:
                return Sorted(landed, {}, landed, 0.0)
            own = {one.message.message_id: self._note_refused(one) for one in refused}
        shared = [one for one in refused if not own[one.message.message_id]]
        rest = self._rest(shared, landed)
        behind = {
            one.message.message_id: _behind(one, rest, alone=len(shared) < 2 or _mixed(landed))
            for one in refused
            if own[one.message.message_id] < COUNTED_FROM and is_wide(one.outcome)
        }
        return Sorted(
            [_counted(one) if own.get(one.message.message_id, 0) >= COUNTED_FROM else one
             for one in landed],
            behind,
            [one for one in landed if not own.get(one.message.message_id)],
            rest,
        )  # fmt: skip

    def _note_good(self, landed: Sequence[Landed]) -> None:
        for message, outgoing, outcome in landed:
            if isinstance(outcome, Accepted | Rejected):
                self._good_at = max(self._good_at, outgoing.departed_at or 0.0)
                was = self._refusals.pop(message.phone_number, None) if self._refusals else None
                self._singles -= was is not None and was.own > 0

    def _note_refused(self, one: Landed) -> int:
        """How many refusals were its recipient's own."""
        number, departed_at = one.message.phone_number, one.outgoing.departed_at or 0.0
        last = self._refusals.pop(number, None)
        own = 0
        if last is not None:
            own = last.own + (self._good_at > last.departed_at)
            self._singles += own == 1 and last.own == 0
        while len(self._refusals) >= MOST_REMEMBERED:
            self._refusals.pop(next(iter(self._refusals)))
        self._refusals[number] = Refusal(departed_at, own)
        return own

    def _rest(self, shared: Sequence[Landed], landed: Sequence[Landed]) -> float:
        """For how many seconds nothing of this provider is sent here."""
        wishes = [_wish(one.outcome) for one in shared]
        if not wishes:
            return 0.0
        if not _mixed(landed) and len(shared) > 1:
            return min(max(wishes), LONGEST_REST)
        few = len(shared) <= max(1.0, FEW * len(landed))
        if few and _mixed(landed) and self._singles >= KNOWN_SINGLES:
            return 0.0
        return min(max(wishes), LONGEST_REST_FOR_ONE)


def asks_to_wait(outgoing: Outgoing, outcome: Outcome | None) -> bool:
    """Whether it is a word on more than the message, as far as it goes."""
    return (
        isinstance(outcome, Deferred)
        and outgoing.departed_at is not None
        and (outcome.retry_after is not None or outcome.provider_wide)
    )


def is_wide(outcome: Outcome | None) -> bool:
    return isinstance(outcome, Deferred) and outcome.provider_wide


def _wish(outcome: Outcome | None) -> float:
    wish = outcome.retry_after if isinstance(outcome, Deferred) else None
    return SHORTEST_REST if wish is None else wish


def _mixed(landed: Sequence[Landed]) -> bool:
    """Others were taken beside those that were refused."""
    return any(isinstance(one.outcome, Accepted | Rejected) for one in landed)


def _behind(one: Landed, rest: float, *, alone: bool) -> float:
    """One that may be refused for itself waits for as long as it is told to, and longer than a
    breaker is open for it: others are tried meanwhile."""
    account = isinstance(one.outcome, Deferred) and one.outcome.account
    wait = max(rest, LONGEST_REST_FOR_ONE if account else 0.0)
    if alone:
        wait = max(wait, _wish(one.outcome))
    return wait + random.uniform(*BEHIND)  # noqa: S311  (not a secret)


def _counted(one: Landed) -> Landed:
    """As a refusal of this message alone."""
    outcome = one.outcome
    if not isinstance(outcome, Deferred):
        return one
    return one._replace(outcome=replace(outcome, provider_wide=False, account=""))
