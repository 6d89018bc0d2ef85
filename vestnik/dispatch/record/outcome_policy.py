"""What an outcome of a hand-over makes of the message."""

import random

import structlog

from vestnik.dispatch.record.claims import Claim, QueuedMessage
from vestnik.dispatch.record.outcome_batch import NOT_COUNTED, OutcomeBatch
from vestnik.providers.base import (
    Accepted,
    Deferred,
    Outcome,
    Provider,
    Rejected,
    Unknown,
)

log = structlog.get_logger(__name__)

FIRST_RETRY, LONGEST_RETRY = 2.0, 300.0
# Longer than any reason that helps, and than any id that a table takes.
LONGEST_REASON, LONGEST_ID = 500, 100


def make_storable(word: str, longest: int) -> str:
    """The word without what a table does not take (NUL, halves of characters) or a log should not
    show; a gateway may say anything, and its outcomes are recorded together."""
    if len(word) <= longest and word.isprintable():
        return word
    return "".join(filter(str.isprintable, word[: 4 * longest]))[:longest]


def add_outcome(
    outcomes: OutcomeBatch,
    provider: Provider,
    batch: Claim,
    message: QueuedMessage,
    outcome: Outcome | None,
    departed: float,
    *,
    retry_in_seconds: float | None = None,
) -> None:
    """Add to `settled` what became of a message that departed so many seconds after the mark.

    A refusal of everybody costs no attempt: the message stays, or is tried again after `behind`
    seconds, with the reason on record.
    """
    if isinstance(outcome, Accepted):
        provider_id = make_storable(outcome.provider_id, LONGEST_ID)
        outcomes.add(message.message_id, "sent", departed, provider_id=provider_id)
        if provider_id:
            ids = [make_storable(part, LONGEST_ID) for part in outcome.part_ids] or [provider_id]
            outcomes.add_parts(message.message_id, ids)
        return
    if outcome is None or (isinstance(outcome, Deferred) and outcome.provider_wide):
        if outcome is None or retry_in_seconds is None:
            outcomes.not_sent.append(message.message_id)
            return
        error = make_storable(outcome.reason, LONGEST_REASON)
        outcomes.add(
            message.message_id, "queued", NOT_COUNTED, error=error, retry_in=retry_in_seconds
        )
        return
    state, error, retry_in = _decide(provider, message, outcome)
    if state == "failed" and message.earlier_attempt is not None:
        state = "doubted"  # nobody knows whether the earlier attempt has arrived
    error = make_storable(error, LONGEST_REASON)
    outcomes.add(message.message_id, state, departed, error=error, retry_in=retry_in)
    log.warning(
        f"message {state}",
        mailing=batch.mailing_id,
        batch=batch.batch_id,
        message=message.message_id,
        provider=provider.alias,
        error=error,
    )


def _decide(
    provider: Provider, message: QueuedMessage, outcome: Rejected | Deferred | Unknown
) -> tuple[str, str, float]:
    if isinstance(outcome, Rejected):
        return "failed", f"{outcome.code}: {outcome.reason}", -1.0
    if isinstance(outcome, Deferred):
        if provider.max_attempts and message.attempts + 1 >= provider.max_attempts:
            return "failed", f"gave up after {message.attempts + 1} attempts: {outcome.reason}", -1
        return "queued", outcome.reason, outcome.retry_after or back_off(message.attempts)
    if provider.in_doubt == "resend":
        return "resent", f"in doubt, sent again: {outcome.reason}", back_off(message.attempts)
    return "unknown", outcome.reason, -1.0


def back_off(attempts: int) -> float:
    """Seconds before the next attempt: doubling, capped, and spread so that a gateway that comes
    back is not met by everybody at once."""
    longest = min(FIRST_RETRY * 2 ** min(attempts, 16), LONGEST_RETRY)
    return random.uniform(longest / 2, longest)  # noqa: S311  (not a secret)
