"""Claiming a batch: a lease on up to 1,000 messages of a running mailing.

A lease has a deadline, which each mark of a flight renews. If a worker dies, its lease expires: the
messages that were in flight become `unknown`, and the rest of the batch is claimed again.
"""

import json
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from vestnik.db import sql
from vestnik.dispatch.signals.metrics import counters
from vestnik.dispatch.states import WAITING
from vestnik.dispatch.transitions.lease import CLAIM, LONGEST_TURN, PROMOTE_DUE, RESCUE_EXPIRED
from vestnik.mailings.models import MailingState
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

log = structlog.get_logger(__name__)

#: Seconds that a lease lasts beyond the provider's deadline for a hand-over, so that a hand-over
#: always ends before its lease (`lease_of`).
LEASE_MARGIN = 10.0
WORKER_STOPPED = Reason(Code.WORKER_STOPPED)

# The first waiting batch of each running mailing of the provider.
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
    """A batch that this worker holds until its lease expires."""

    alias: str
    claim_id: int
    #: Whether the provider sends receipts, so its message ids have to be stored.
    receipts: bool
    batch_id: int
    mailing_id: int
    first_message_id: int
    last_message_id: int
    queued: int
    text: str
    rate_limit: int | None
    segments: int
    #: The version of `text`, and the version that the batch's queued messages have.
    text_version: int
    batch_text_version: int
    #: The mailing's local hours, as JSON.
    local_hours: str | None = None
    timezone: str | None = None
    #: The mailing's fair rate in messages a second, the longest turn in seconds, and the mailing's
    #: virtual time in seconds at the claim.
    rate: float = 1.0
    longest_turn: float = LONGEST_TURN
    virtual_time: float = 0.0


@dataclass(frozen=True, slots=True)
class ClaimOrder:
    """The order in which mailings are claimed: `rates` by mailing id, and `rate` for all others."""

    rates: Mapping[int, float] = field(default_factory=dict)
    rate: float = 1.0
    #: About how many messages one turn has.
    turn: int = 1
    #: Whether mailings go first that have handed over fewer than `new_below` messages, and far less
    #: than another one.
    new_first: bool = False
    new_below: int = 0


def new_id() -> int:
    """Return a new id of a claim or an attempt: 63 random bits, unique without coordination."""
    return secrets.randbits(63)


def claim(
    alias: str,
    lease: float,
    cooling_down: Collection[int] = (),
    *,
    receipts: bool = True,
    order: ClaimOrder | None = None,
) -> Claim | None:
    """Claim, for `lease` seconds, a ready batch of the provider's next mailing; None without one.

    Mailings that are `cooling_down` are passed over: their rate limit has no permits at the moment.
    """
    claim_id, order = new_id(), order or ClaimOrder()
    cursor = sql.run(
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
        prepared=True,
    )
    row = cursor.fetchone()
    if row is None:
        return None
    columns = [column.name for column in cursor.description or ()]
    batch: dict[str, Any] = dict(zip(columns, row, strict=True))
    return Claim(alias=alias, claim_id=claim_id, receipts=receipts, **batch)


def rescue_expired() -> None:
    """Take back expired leases."""
    why = [WORKER_STOPPED.text, WORKER_STOPPED.json]
    for batch, mailing, unknown in sql.rows(RESCUE_EXPIRED, why):
        counters().count("leases_lost", "")
        log.warning("lease lost", mailing=mailing, batch=batch, unknown=unknown)


def promote_due() -> int:
    """Make waiting batches that are due ready again; return their number."""
    return sql.run(PROMOTE_DUE).rowcount


def next_due(alias: str) -> float | None:
    """Return the seconds until the provider's first waiting batch is due; None without one."""
    wait: float | None = sql.value(NEXT_DUE, [alias])
    return wait
