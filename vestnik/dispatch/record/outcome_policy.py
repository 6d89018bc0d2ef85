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
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason, storable

log = structlog.get_logger(__name__)

FIRST_RETRY, LONGEST_RETRY = 2.0, 300.0
# Longer than any id that a table takes.
LONGEST_ID = 100


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
        provider_id = storable(outcome.provider_id, LONGEST_ID)
        outcomes.add(message.message_id, "sent", departed, provider_id=provider_id)
        if provider_id:
            ids = [storable(part, LONGEST_ID) for part in outcome.part_ids] or [provider_id]
            outcomes.add_parts(message.message_id, ids)
        return
    if outcome is None or (isinstance(outcome, Deferred) and outcome.provider_wide):
        if outcome is None or retry_in_seconds is None:
            outcomes.not_sent.append(message.message_id)
            return
        outcomes.add(
            message.message_id,
            "queued",
            NOT_COUNTED,
            error=outcome.reason,
            retry_in=retry_in_seconds,
        )
        return
    state, reason, retry_in = _decide(provider, message, outcome)
    if state == "failed" and message.earlier_attempt is not None:
        state = "doubted"  # nobody knows whether the earlier attempt has arrived
    reason = reason.fit()
    outcomes.add(message.message_id, state, departed, error=reason, retry_in=retry_in)
    log.warning(
        f"message {state}",
        mailing=batch.mailing_id,
        batch=batch.batch_id,
        message=message.message_id,
        provider=provider.alias,
        error=reason.text,
        reason=reason.code,
    )


def _decide(
    provider: Provider, message: QueuedMessage, outcome: Rejected | Deferred | Unknown
) -> tuple[str, Reason, float]:
    why = outcome.reason
    if isinstance(outcome, Rejected):
        said = Reason(Code.GATEWAY_SAID, code=outcome.code, reason=why) if outcome.code else why
        return "failed", Reason.of(said), -1.0
    if isinstance(outcome, Deferred):
        attempts = message.attempts + 1
        if provider.max_attempts and attempts >= provider.max_attempts:
            return "failed", Reason(Code.ATTEMPTS_EXHAUSTED, count=attempts, reason=why), -1.0
        return "queued", Reason.of(why), outcome.retry_after or back_off(message.attempts)
    if provider.in_doubt == "resend":
        return "resent", Reason(Code.RESENT, reason=why), back_off(message.attempts)
    return "unknown", Reason.of(why), -1.0


def back_off(attempts: int) -> float:
    """Seconds before the next attempt: doubling, capped, and spread so that a gateway that comes
    back is not met by everybody at once."""
    longest = min(FIRST_RETRY * 2 ** min(attempts, 16), LONGEST_RETRY)
    return random.uniform(longest / 2, longest)  # noqa: S311  (not a secret)
