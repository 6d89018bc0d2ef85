"""Why a mailing that runs sends nothing: what its provider says, by the provider's breaker; or a
database that is too slow for it."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import JSONField, OuterRef, QuerySet, Subquery
from django.db.models.functions import JSONObject

from vestnik.dispatch.models import Breaker, BreakerState
from vestnik.dispatch.signals import heartbeat
from vestnik.dispatch.signals.metrics import is_answering
from vestnik.mailings.models import Mailing, MailingState
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

ASKED_EVERY, AWAY_SECONDS, SLOW_ANSWER = 1.0, 30.0, 0.2
NOT_CLOSED = Breaker.objects.exclude(state=BreakerState.CLOSED)


def held_by() -> QuerySet[Breaker]:
    """The breakers of the providers by which nothing goes out just now."""
    return NOT_CLOSED.all()


def reason_of() -> Subquery:
    """Why nothing of each of some mailings goes out, within their own query; see `read`."""
    breaker = NOT_CLOSED.filter(alias=OuterRef("provider"))
    why = JSONObject(text="reason", details="reason_details")
    return Subquery(breaker.annotate(found=why).values("found")[:1], output_field=JSONField())


def read(found: Mapping[str, Any] | None) -> Reason | None:
    """The reason that `reason_of` found."""
    return Reason.stored(found["text"], found["details"]) if found else None


def held(mailings: Iterable[Mailing]) -> dict[int, Reason]:
    """Why nothing of each mailing goes out although it runs; those that are held alone.

    Mailings that were read with `held=reason_of()` know it; of others it is asked.
    """
    running = [one for one in mailings if one.state == MailingState.RUNNING]
    if all(hasattr(one, "held") for one in running):
        reasons = {one.id: read(getattr(one, "held", None)) for one in running}
    else:
        by_alias = {breaker.alias: breaker.why for breaker in held_by()}
        reasons = {one.id: by_alias.get(one.provider) for one in running}
    if slow := held_by_database() if running else None:
        silent = {a for a in {one.provider for one in running} if not is_answering(a)}
        for one in running:
            if not reasons[one.id] and one.provider in silent:  # else another worker sends it
                reasons[one.id] = slow
    return {mailing: why for mailing, why in reasons.items() if why}


def held_by_database() -> Reason | None:
    """Why nothing of any mailing goes out; None where something does."""
    seconds = _slow_marks.now()
    return None if seconds is None else Reason(Code.SLOW_DATABASE, seconds=f"{seconds:.1f}")


class _SlowMarks:
    """What Redis says of them, asked once a second; where it is away no page waits for it again and
    again."""

    def __init__(self) -> None:
        self._seconds: float | None = None
        self._asked_at = -AWAY_SECONDS
        self._valid_for = 0.0

    def now(self) -> float | None:
        began = time.monotonic()
        if began - self._asked_at >= self._valid_for:
            self._asked_at = began
            self._seconds = heartbeat.slow_marks()
            is_away = time.monotonic() - began > SLOW_ANSWER
            self._valid_for = AWAY_SECONDS if is_away else ASKED_EVERY
        return self._seconds


_slow_marks = _SlowMarks()
