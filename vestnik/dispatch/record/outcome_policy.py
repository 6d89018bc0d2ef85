"""Decides the state of a message from the outcome of its hand-over."""

import structlog

from vestnik import jitter
from vestnik.dispatch.record.claims import Claim
from vestnik.dispatch.record.due_messages import QueuedMessage
from vestnik.dispatch.record.recorder import OutcomeBatch
from vestnik.dispatch.states import DOUBTED, FAILED, QUEUED, RESENT, SENT, UNKNOWN
from vestnik.dispatch.transitions.record import NOT_COUNTED
from vestnik.providers.base import (
    PROVIDER_ID_LENGTH,
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

#: Seconds before the first and before any later retry of a temporarily refused message.
FIRST_RETRY, LONGEST_RETRY = 2.0, 300.0


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
    """Add the outcome of a message that departed `departed` seconds after the flight's mark.

    A provider-wide refusal costs no attempt: the message stays in the batch, or is retried after
    `retry_in_seconds` with the reason stored.
    """
    if isinstance(outcome, Accepted):
        provider_id = storable(outcome.provider_id, PROVIDER_ID_LENGTH)
        outcomes.add(message.message_id, SENT, departed, provider_id=provider_id)
        if provider_id:
            ids = [storable(part, PROVIDER_ID_LENGTH) for part in outcome.part_ids] or [provider_id]
            outcomes.add_parts(message.message_id, ids)
    elif outcome is None or (isinstance(outcome, Deferred) and outcome.provider_wide):
        _add_not_sent(outcomes, message, outcome, retry_in_seconds)
    else:
        _add_failure(outcomes, provider, batch, message, outcome, departed)


def _add_not_sent(
    outcomes: OutcomeBatch,
    message: QueuedMessage,
    outcome: Deferred | None,
    retry_in_seconds: float | None,
) -> None:
    if outcome is None or retry_in_seconds is None:
        outcomes.not_sent.append(message.message_id)
        return
    outcomes.add(
        message.message_id, QUEUED, NOT_COUNTED, error=outcome.reason, retry_in=retry_in_seconds
    )


def _add_failure(
    outcomes: OutcomeBatch,
    provider: Provider,
    batch: Claim,
    message: QueuedMessage,
    outcome: Rejected | Deferred | Unknown,
    departed: float,
) -> None:
    state, reason, retry_in = _decide(provider, message, outcome)
    if state == FAILED and message.earlier_attempt is not None:
        state = DOUBTED  # the earlier attempt may have arrived
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
        return FAILED, Reason.of(said), -1.0
    if isinstance(outcome, Deferred):
        attempts = message.attempts + 1
        if provider.max_attempts and attempts >= provider.max_attempts:
            return FAILED, Reason(Code.ATTEMPTS_EXHAUSTED, count=attempts, reason=why), -1.0
        return QUEUED, Reason.of(why), outcome.retry_after or back_off(message.attempts)
    if provider.in_doubt == "resend":
        return RESENT, Reason(Code.RESENT, reason=why), back_off(message.attempts)
    return UNKNOWN, Reason.of(why), -1.0


def back_off(attempts: int) -> float:
    """Return the seconds before the next attempt: doubled with each attempt, at most LONGEST_RETRY.

    The delay is random within its upper half, so that a gateway that comes back does not get all
    retries at the same moment.
    """
    # 2 ** 16 is beyond LONGEST_RETRY; the bound keeps the power small for any number of attempts.
    longest = min(FIRST_RETRY * 2 ** min(attempts, 16), LONGEST_RETRY)
    return jitter.between(longest / 2, longest)
