"""Why a mailing that runs sends nothing: what its provider says, by the provider's breaker; or a
database that is too slow for it."""

from collections.abc import Iterable

from django.db.models import CharField, F, OuterRef, QuerySet, Subquery

from vestnik.dispatch import heartbeat
from vestnik.dispatch.models import Breaker, BreakerState
from vestnik.mailings.models import Mailing, MailingState

SLOW = "marking messages takes {:.1f} s in the database, so that none leave in time"
NOT_CLOSED = Breaker.objects.exclude(state=BreakerState.CLOSED)


def held_by() -> QuerySet[Breaker, tuple[str, str]]:
    """The aliases of the providers by which nothing goes out just now, and why."""
    return NOT_CLOSED.values_list("alias", "reason")


def reason_of() -> Subquery:
    """The same for each of some mailings, within their own query."""
    breaker = NOT_CLOSED.filter(alias=OuterRef("provider")).annotate(why=F("reason"))
    return Subquery(breaker.values("why")[:1], output_field=CharField())


def held(mailings: Iterable[Mailing]) -> dict[int, str]:
    """Why nothing of each mailing goes out although it runs; those that are held alone.

    Mailings that were read with `held=reason_of()` know it; of others it is asked.
    """
    running = [one for one in mailings if one.state == MailingState.RUNNING]
    if all(hasattr(one, "held") for one in running):
        reasons = {one.id: getattr(one, "held", None) for one in running}
    else:
        by_alias = dict(held_by())
        reasons = {one.id: by_alias.get(one.provider) for one in running}
    slow = held_by_database() if running else ""
    return {mailing: why or slow for mailing, why in reasons.items() if why or slow}


def held_by_database() -> str:
    """Why nothing of any mailing goes out; empty where something does."""
    seconds = heartbeat.slow_marks()
    return "" if seconds is None else SLOW.format(seconds)
