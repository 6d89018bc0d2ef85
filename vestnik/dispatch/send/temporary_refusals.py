"""Tells temporary refusals by the provider from those that concern one recipient (decision 0060).

A 429, a full queue or a 403 means that the provider takes nothing at the moment, or nothing for
this number. Other recipients decide: a recipient who is refused again although others were accepted
since is refused alone. Such a refusal starts no cooldown and does not count for the breaker. From
COUNTED_FROM of them on, each counts as an attempt, with a growing back-off.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from vestnik import jitter
from vestnik.dispatch.send.flight import SendResult
from vestnik.providers.base import Accepted, Deferred, OutboundMessage, Outcome, Rejected

#: The number of a recipient's own refusals from which each counts as an attempt. Fewer may be
#: chance with a provider that throttles every other message.
COUNTED_FROM = 3
#: With KNOWN_RECIPIENTS refused on their own, refusals of up to FEW_SHARE of a flight start no
#: cooldown.
KNOWN_RECIPIENTS, FEW_SHARE = 3, 0.05
#: Seconds of a cooldown without a Retry-After, and at most.
SHORTEST_COOLDOWN, LONGEST_COOLDOWN = 1.0, 30.0
#: Seconds of a cooldown for a refusal that may concern one recipient, whatever it asks for.
LONGEST_COOLDOWN_FOR_ONE = 2.0
#: Random seconds added to a retry, so that refused messages follow those that waited.
RETRY_SPREAD = (0.25, 0.5)
#: Recipients remembered at most: an entry takes about 200 bytes.
MOST_REMEMBERED = 20_000


class Refusal(NamedTuple):
    """A recipient's last refusal: when the message departed, and how many were the recipient's
    own."""

    departed_at: float
    own: int


@dataclass(frozen=True, slots=True)
class SortedResults:
    """Sorted results.

    `retry_delays` are the seconds until a message may be retried without an attempt being counted.
    `about_provider` are the results that concern the provider. `cooldown` is in seconds.
    """

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
        """Return when the last refused message to a number departed; 0 without one.

        A probe takes the number with the lowest value.
        """
        refusal = self._refusals.get(phone_number)
        return refusal.departed_at if refusal else 0.0

    def sort(self, results: Sequence[SendResult]) -> SortedResults:
        """Remember the results' refusals, and sort the results."""
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
        """Remember a refusal; return how many of the recipient's refusals were its own."""
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
        """Return the seconds for which this dispatcher sends nothing to the provider."""
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
    """Return whether a refusal may concern more than its own message."""
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
    """Return whether some messages were accepted or permanently refused."""
    return any(isinstance(result.outcome, Accepted | Rejected) for result in results)


def _retry_delay(result: SendResult, cooldown: float, *, alone: bool) -> float:
    """Return the seconds before a refused message is retried.

    A recipient that may be refused alone waits longer than a breaker opens for it, so others are
    tried first.
    """
    account = isinstance(result.outcome, Deferred) and result.outcome.account
    wait = max(cooldown, LONGEST_COOLDOWN_FOR_ONE if account else 0.0)
    if alone:
        wait = max(wait, _retry_after(result.outcome))
    return wait + jitter.between(*RETRY_SPREAD)


def _as_single_refusal(result: SendResult) -> SendResult:
    """Return the result as a refusal of this message alone."""
    outcome = result.outcome
    if not isinstance(outcome, Deferred):
        return result
    return result._replace(outcome=replace(outcome, provider_wide=False, account=""))
