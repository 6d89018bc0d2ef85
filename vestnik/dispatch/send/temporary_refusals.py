"""Refusals for now that may be about the provider, or about one recipient alone.

A 429, a full queue or a 403 says that the provider takes nothing just now, or that it takes nothing
for this number. Other recipients tell which: a recipient who is refused again although others were
taken since is refused alone. Such a refusal starts no cooldown and does not count for the breaker;
after some of them it counts as an attempt, with a growing back-off.
"""

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from vestnik.dispatch.send.flight import SendResult
from vestnik.providers.base import Accepted, Deferred, OutboundMessage, Outcome, Rejected

#: After so many that were a recipient's own each counts as an attempt: by then it is no accident
#: of a provider that throttles every other message.
COUNTED_FROM = 3
#: With so many recipients known to be refused for themselves, a few more start no cooldown.
KNOWN_RECIPIENTS, FEW_SHARE = 3, 0.05
SHORTEST_COOLDOWN, LONGEST_COOLDOWN = 1.0, 30.0
#: A refusal that may be about one recipient alone starts no longer cooldown, whatever it asks for.
LONGEST_COOLDOWN_FOR_ONE = 2.0
#: The refused come after those whom the end of the rest lets go.
RETRY_SPREAD = (0.25, 0.5)
#: More than these are not remembered: an entry is some 200 bytes.
MOST_REMEMBERED = 20_000


class Refusal(NamedTuple):
    """The last one of a recipient: when the message departed, and how many were their own."""

    departed_at: float
    own: int


@dataclass(frozen=True, slots=True)
class SortedResults:
    """Results, sorted: `retry_delays` has the seconds until a message may be tried again, without
    an attempt; `about_provider` are the results that say something about the provider."""

    results: Sequence[SendResult]
    retry_delays: dict[int, float]
    about_provider: Sequence[SendResult]
    cooldown: float


class RefusalTracker:
    """Remembers refusals by recipient; shared by the threads of a dispatcher."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._refusals: dict[str, Refusal] = {}
        self._good_at = 0.0
        self._refused_recipients = 0

    def last_refused(self, phone_number: str) -> float:
        """When a message to it departed to be refused, 0 where none was: who comes first to try
        with."""
        refusal = self._refusals.get(phone_number)
        return refusal.departed_at if refusal else 0.0

    def sort(self, results: Sequence[SendResult]) -> SortedResults:
        """Learn from the results, and sort them."""
        if {type(result.outcome) for result in results} == {Accepted}:  # nearly always
            return self._sort_accepted(results)
        refused = [result for result in results if asks_to_wait(result.outgoing, result.outcome)]
        with self._lock:
            self._record_good(results)
            if not refused:
                return SortedResults(results, {}, results, 0.0)
            own = {result.message.message_id: self._record_refused(result) for result in refused}
        shared = [result for result in refused if not own[result.message.message_id]]
        cooldown = self._cooldown(shared, results)
        retry_delays = {
            result.message.message_id: _retry_delay(
                result, cooldown, alone=len(shared) < 2 or _has_final_answers(results)
            )
            for result in refused
            if own[result.message.message_id] < COUNTED_FROM and is_provider_wide(result.outcome)
        }
        singles = {message_id for message_id, count in own.items() if count >= COUNTED_FROM}
        return SortedResults(
            [_as_single_refusal(r) if r.message.message_id in singles else r for r in results],
            retry_delays,
            [result for result in results if not own.get(result.message.message_id)],
            cooldown,
        )

    def _sort_accepted(self, results: Sequence[SendResult]) -> SortedResults:
        with self._lock:
            if self._refusals:
                self._record_good(results)
            self._good_at = max(self._good_at, *(r.outgoing.departed_at or 0.0 for r in results))
        return SortedResults(results, {}, results, 0.0)

    def _record_good(self, results: Sequence[SendResult]) -> None:
        for message, outgoing, outcome in results:
            if isinstance(outcome, Accepted | Rejected):
                self._good_at = max(self._good_at, outgoing.departed_at or 0.0)
                was = self._refusals.pop(message.phone_number, None) if self._refusals else None
                self._refused_recipients -= was is not None and was.own > 0

    def _record_refused(self, result: SendResult) -> int:
        """How many refusals were its recipient's own."""
        number, departed_at = result.message.phone_number, result.outgoing.departed_at or 0.0
        last = self._refusals.pop(number, None)
        own = 0
        if last is not None:
            own = last.own + (self._good_at > last.departed_at)
            self._refused_recipients += own == 1 and last.own == 0
        while len(self._refusals) >= MOST_REMEMBERED:
            self._refusals.pop(next(iter(self._refusals)))
        self._refusals[number] = Refusal(departed_at, own)
        return own

    def _cooldown(self, shared: Sequence[SendResult], results: Sequence[SendResult]) -> float:
        """For how many seconds nothing of this provider is sent here."""
        retry_afters = [_retry_after(result.outcome) for result in shared]
        if not retry_afters:
            return 0.0
        if not _has_final_answers(results) and len(shared) > 1:
            return min(max(retry_afters), LONGEST_COOLDOWN)
        few = len(shared) <= max(1.0, FEW_SHARE * len(results))
        if few and _has_final_answers(results) and self._refused_recipients >= KNOWN_RECIPIENTS:
            return 0.0
        return min(max(retry_afters), LONGEST_COOLDOWN_FOR_ONE)


def asks_to_wait(outgoing: OutboundMessage, outcome: Outcome | None) -> bool:
    """Whether it is a word on more than the message, as far as it goes."""
    return (
        isinstance(outcome, Deferred)
        and outgoing.departed_at is not None
        and (outcome.retry_after is not None or outcome.provider_wide)
    )


def is_provider_wide(outcome: Outcome | None) -> bool:
    return isinstance(outcome, Deferred) and outcome.provider_wide


def _retry_after(outcome: Outcome | None) -> float:
    retry_after = outcome.retry_after if isinstance(outcome, Deferred) else None
    return SHORTEST_COOLDOWN if retry_after is None else retry_after


def _has_final_answers(results: Sequence[SendResult]) -> bool:
    """Others were taken beside those that were refused."""
    return any(isinstance(result.outcome, Accepted | Rejected) for result in results)


def _retry_delay(result: SendResult, cooldown: float, *, alone: bool) -> float:
    """One that may be refused for itself waits for as long as it is told to, and longer than a
    breaker is open for it: others are tried meanwhile."""
    account = isinstance(result.outcome, Deferred) and result.outcome.account
    wait = max(cooldown, LONGEST_COOLDOWN_FOR_ONE if account else 0.0)
    if alone:
        wait = max(wait, _retry_after(result.outcome))
    return wait + random.uniform(*RETRY_SPREAD)  # noqa: S311  (not a secret)


def _as_single_refusal(result: SendResult) -> SendResult:
    """As a refusal of this message alone."""
    outcome = result.outcome
    if not isinstance(outcome, Deferred):
        return result
    return result._replace(outcome=replace(outcome, provider_wide=False, account=""))
