"""Claiming a batch: a lease on up to 1,000 messages of a running mailing.

A lease has a deadline, renewed with each flight. A worker that dies leaves its lease to run out;
then the ids that were in flight become `unknown`, and the rest of the batch is claimed again.
"""

import json
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import structlog

from vestnik.db import sql
from vestnik.dispatch.signals.metrics import counters
from vestnik.dispatch.states import WAITING
from vestnik.dispatch.transitions.lease import CLAIM, LONGEST_TURN, PROMOTE_DUE, RESCUE_EXPIRED
from vestnik.mailings.models import MailingState
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

log = structlog.get_logger(__name__)

# How much longer than a hand-over may take a lease lasts.
LEASE_MARGIN = 10.0
WORKER_STOPPED = Reason(Code.WORKER_STOPPED)

NEXT_DUE = f"""
SELECT extract(epoch FROM min(b.due_at) - clock_timestamp())::float8
FROM mailings_mailing m
CROSS JOIN LATERAL (
    SELECT due_at FROM dispatch_batch w
    WHERE w.mailing_id = m.id AND w.state = '{WAITING}' ORDER BY due_at LIMIT 1
) b
WHERE m.state = '{MailingState.RUNNING}' AND m.provider = %s
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """A batch that is ours until its lease runs out."""

    alias: str
    claim_id: int
    #: Whether receipts will have to find the messages by the provider's ids.
    receipts: bool
    batch_id: int
    mailing_id: int
    first_message_id: int
    last_message_id: int
    queued: int
    text: str
    rate_limit: int | None
    segments: int
    #: Of `text`, and of the queued messages as far as the batch knows.
    text_version: int
    batch_text_version: int
    #: Of the mailing, as JSON.
    local_hours: str | None = None
    timezone: str | None = None
    #: Its fair share in messages a second, how long its turn may be, and its virtual time then.
    rate: float = 1.0
    longest_turn: float = LONGEST_TURN
    virtual_time: float = 0.0


@dataclass(frozen=True, slots=True)
class ClaimOrder:
    """In which order mailings are next: by the fair rate of each, and `rate` of others."""

    rates: Mapping[int, float] = field(default_factory=dict)
    rate: float = 1.0
    #: About how many messages one turn is.
    turn: int = 1
    #: Whether those go first that have handed over fewer than so many.
    new_first: bool = False
    new_below: int = 0


def new_id() -> int:
    """An id for a claim or an attempt: 63 random bits, so that no two are ever the same."""
    return secrets.randbits(63)


def claim(
    alias: str,
    lease: float,
    cooling_down: Collection[int] = (),
    *,
    receipts: bool = True,
    order: ClaimOrder | None = None,
) -> Claim | None:
    """Claim for `lease` seconds a ready batch of the running mailing of that provider that is next.

    Mailings that are `cooling_down` are passed over: they have no permits just now.
    """
    claim_id, order = new_id(), order or ClaimOrder()
    record = sql.prepared_record(
        CLAIM,
        {
            "alias": alias,
            "resting": list(cooling_down),
            "claim": claim_id,
            "lease": lease,
            "rates": json.dumps({**order.rates}),
            "rate": order.rate,
            "turn": order.turn,
            "new_first": order.new_first,
            "new_below": order.new_below,
        },
    )
    if record is None:
        return None
    return Claim(alias=alias, claim_id=claim_id, receipts=receipts, **record)


def rescue_expired() -> None:
    """Take back the leases that ran out."""
    why = [WORKER_STOPPED.text, WORKER_STOPPED.json]
    for batch, mailing, unknown in sql.rows(RESCUE_EXPIRED, why):
        counters().count("leases_lost", "")
        log.warning("lease lost", mailing=mailing, batch=batch, unknown=unknown)


def promote_due() -> int:
    """Make the waiting batches that are due ready again; how many."""
    return sql.run(PROMOTE_DUE)


def next_due(alias: str) -> float | None:
    """In how many seconds the first waiting batch of that provider is due; None without any."""
    wait: float | None = sql.value(NEXT_DUE, [alias])
    return wait
