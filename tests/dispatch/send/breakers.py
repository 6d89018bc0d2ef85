"""Outcomes for a circuit breaker, and an open breaker."""

import time
from collections.abc import Sequence

from tests.gateways.builders import outgoing
from vestnik.dispatch.send.circuit_breaker import FAILURES_TO_OPEN, SHORTEST, CircuitBreaker
from vestnik.providers.base import Deferred, OutboundMessage, Outcome

LEASE = 20.0

Landed = tuple[list[OutboundMessage], list[Outcome | None]]


def departed(*outcomes: Outcome | None, at: float = 0.0) -> Landed:
    """Return messages that departed, now or at that instant, with their outcomes."""
    messages = [outgoing() for _ in outcomes]
    for message in messages:
        message.departed_at = at or time.monotonic()
    return messages, [*outcomes]


def stayed(outcomes: Sequence[Outcome | None]) -> Landed:
    """Return messages that did not depart, with their outcomes."""
    return [outgoing() for _ in outcomes], [*outcomes]


def opened(alias: str, reason: str = "the gateway fails") -> CircuitBreaker:
    """Return a breaker that has just opened."""
    found = CircuitBreaker(alias, LEASE)
    failed = [Deferred(reason)] * FAILURES_TO_OPEN
    assert found.record(*departed(*failed)) == SHORTEST
    return found
