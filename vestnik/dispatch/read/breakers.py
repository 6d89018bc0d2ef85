"""The circuit breakers of providers as pages and the API show them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import JSONField, OuterRef, Subquery
from django.db.models.functions import JSONObject

from vestnik.dispatch.models import Breaker
from vestnik.dispatch.states import BreakerState
from vestnik.reasons.reason import Reason

NOT_CLOSED = Breaker.objects.exclude(state=BreakerState.CLOSED)


@dataclass(frozen=True)
class BreakerStatus:
    """A provider's breaker: `until` is the time of the next probe, `openings` the number of
    openings in a row."""

    state: str = BreakerState.CLOSED
    openings: int = 0
    until: datetime | None = None
    reason: str = ""
    why: Reason | None = None
    changed_at: datetime | None = None

    @property
    def is_closed(self) -> bool:
        return self.state == BreakerState.CLOSED


def breakers_of(aliases: Iterable[str]) -> dict[str, BreakerStatus]:
    """Return the breakers of these providers; one that never opened is closed."""
    stored = {
        row.alias: BreakerStatus(
            row.state, row.openings, row.until, row.reason, row.why, row.changed_at
        )
        for row in Breaker.objects.all()
    }
    return {alias: stored.get(alias, BreakerStatus()) for alias in aliases}


def open_reasons() -> dict[str, Reason | None]:
    """Return the reasons of the breakers that are not closed, by alias."""
    return {breaker.alias: breaker.why for breaker in NOT_CLOSED.all()}


def hold_reason() -> Subquery:
    """Return the reason of each mailing's provider as a subquery, for `read_reason`."""
    breaker = NOT_CLOSED.filter(alias=OuterRef("provider"))
    why = JSONObject(text="reason", details="reason_details")
    return Subquery(breaker.annotate(stored=why).values("stored")[:1], output_field=JSONField())


def read_reason(stored: Mapping[str, Any] | None) -> Reason | None:
    """Return the reason of a row annotated with `hold_reason`."""
    return Reason.stored(stored["text"], stored["details"]) if stored else None
