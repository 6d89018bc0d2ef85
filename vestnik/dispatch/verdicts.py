"""What an outcome of a hand-over makes of the message."""

import random
from collections.abc import Sequence

import structlog

from vestnik.dispatch.claims import Claim, Queued
from vestnik.dispatch.settled import Settled
from vestnik.providers.base import (
    Accepted,
    Deferred,
    Outcome,
    Outgoing,
    Provider,
    Rejected,
    Unknown,
)

log = structlog.get_logger(__name__)

FIRST_RETRY, LONGEST_RETRY = 2.0, 300.0
# For longer than this no lane rests by itself: who wishes for more is parked by the breaker, which
# all workers and the operator see.
SHORTEST_REST, LONGEST_REST = 1.0, 30.0
# Longer than any reason that helps, and than any id that a table takes.
LONGEST_REASON, LONGEST_ID = 500, 100


def throttled_for(sent: Sequence[Outgoing], found: Sequence[Outcome | None]) -> float:
    """For how many seconds the provider wished to be left alone, if it did."""
    if Deferred not in {*map(type, found)}:
        return 0.0
    waits = [
        o.retry_after or SHORTEST_REST
        for message, o in zip(sent, found, strict=True)
        if isinstance(o, Deferred) and message.departed_at and (o.retry_after or o.provider_wide)
    ]
    return min(max(waits, default=0.0), LONGEST_REST)


def storable(word: str, longest: int) -> str:
    """The word without what a table does not take (NUL, halves of characters) or a log should not
    show; a gateway may say anything, and its outcomes are recorded together."""
    if len(word) <= longest and word.isprintable():
        return word
    return "".join(filter(str.isprintable, word[: 4 * longest]))[:longest]


def settle(
    settled: Settled,
    provider: Provider,
    batch: Claim,
    message: Queued,
    outcome: Outcome | None,
    departed: float,
) -> None:
    """Add to `settled` what became of a message that departed so many seconds after the mark."""
    if isinstance(outcome, Accepted):
        provider_id = storable(outcome.provider_id, LONGEST_ID)
        settled.add(message.message_id, "sent", departed, provider_id=provider_id)
        if provider_id:
            ids = [storable(part, LONGEST_ID) for part in outcome.part_ids] or [provider_id]
            settled.add_parts(message.message_id, ids)
        return
    if outcome is None or (isinstance(outcome, Deferred) and outcome.provider_wide):
        settled.stayed.append(message.message_id)
        return
    state, error, retry_in = _verdict(provider, message, outcome)
    error = storable(error, LONGEST_REASON)
    settled.add(message.message_id, state, departed, error=error, retry_in=retry_in)
    log.warning(
        f"message {state}",
        mailing=batch.mailing_id,
        batch=batch.batch_id,
        message=message.message_id,
        provider=provider.alias,
        error=error,
    )


def _verdict(
    provider: Provider, message: Queued, outcome: Rejected | Deferred | Unknown
) -> tuple[str, str, float]:
    if isinstance(outcome, Rejected):
        return "failed", f"{outcome.code}: {outcome.reason}", -1.0
    if isinstance(outcome, Deferred):
        if provider.max_attempts and message.attempts + 1 >= provider.max_attempts:
            return "failed", f"gave up after {message.attempts + 1} attempts: {outcome.reason}", -1
        return "queued", outcome.reason, outcome.retry_after or back_off(message.attempts)
    if provider.in_doubt == "resend":
        return "queued", f"in doubt, sent again: {outcome.reason}", back_off(message.attempts)
    return "unknown", outcome.reason, -1.0


def back_off(attempts: int) -> float:
    """Seconds before the next attempt: doubling, capped, and spread so that a gateway that comes
    back is not met by everybody at once."""
    longest = min(FIRST_RETRY * 2 ** min(attempts, 16), LONGEST_RETRY)
    return random.uniform(longest / 2, longest)  # noqa: S311  (not a secret)
