"""Snapshots of mailings: progress, rate and forecast.

One query serves any number of mailings, and a snapshot can be serialized for other processes.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import DateTimeField, F, Func, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce, Greatest, JSONObject

from vestnik.dispatch.read.backlog import waiting_by_zone
from vestnik.dispatch.read.breakers import hold_reason
from vestnik.dispatch.read.breakers import read_reason as read_held
from vestnik.dispatch.read.message_state import KEPT_COUNTS, OPEN, remainder_of
from vestnik.dispatch.read.progress import (
    NOTHING_YET,
    Progress,
    in_final_state,
    reached,
    read,
    sums_of_mailing,
)
from vestnik.dispatch.states import HANDED_OVER
from vestnik.mailings.models import REOPEN, RESUME, UNDER_WAY, Mailing, MailingEvent, MailingState
from vestnik.reasons.reason import Reason
from vestnik.reports.mailing.held import slow_database_reason
from vestnik.reports.mailing.outlook import outlook
from vestnik.reports.mailing.revision import last_event_of, revision_of
from vestnik.reports.models import Sample
from vestnik.reports.timeline.samples import handed_over

#: The period over which the rate is measured: ten samples, of which the first may come a little
#: late.
RATE_PERIOD = timedelta(seconds=9.5)
SUMMED = ("matched", "flying", *(f"{state}_kept" for state in KEPT_COUNTS))


class StatementTimestamp(Func):
    """The start of the statement: the result includes everything committed before."""

    template = "statement_timestamp()"
    arity = 0
    output_field = DateTimeField()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A mailing at an instant. `rate` is None if it does not run."""

    id: int
    name: str
    state: str
    provider: str
    has_hours: bool
    is_enlisted: bool
    starts_at: datetime
    ends_at: datetime
    finished_at: datetime | None
    now: datetime
    progress: Progress
    rate: float | None
    #: Why a running mailing sends nothing; empty if it sends.
    held: str = ""
    #: With local hours: when it will finish, how many messages will not be sent in time, and for
    #: how many messages the hours are open.
    finishes_at: datetime | None = None
    hours_stay: int = 0
    open_now: int = 0
    #: See `revision`.
    revision: str = ""
    started_at: datetime | None = None

    @property
    def title(self) -> str:
        return self.name or f"№ {self.id}"

    @property
    def is_under_way(self) -> bool:
        return self.state in UNDER_WAY

    @property
    def pace(self) -> float | int | None:
        """Return the rounded rate."""
        return None if self.rate is None else pace_of(self.rate)

    @property
    def left(self) -> int:
        """Return the number of messages still to be sent."""
        return sum(self.progress[state] for state in OPEN)

    @property
    def settled(self) -> int:
        """Return the number of messages in a final state."""
        return in_final_state(self.progress)

    @property
    def reached(self) -> int:
        """Return the number of messages that reached their clients."""
        return reached(self.progress)

    @property
    def seconds_left(self) -> float | None:
        """Return the seconds until all are sent at this rate and within local hours; None if
        unknown: nothing is being sent, or the audience is not complete yet."""
        if not self.is_enlisted or not self.left:
            return None
        if self.has_hours:
            done = None if self.held else self.finishes_at
            return None if done is None else max(0.0, (done - self.now).total_seconds())
        return self.left / self.rate if self.rate else None

    @property
    def spare(self) -> float | None:
        """Return the seconds between the forecast and the end; negative if it will not finish."""
        left = self.seconds_left
        return None if left is None else (self.ends_at - self.now).total_seconds() - left

    @property
    def will_stay(self) -> int:
        """Return about how many messages will not fit before the end at this rate."""
        if self.has_hours:
            return min(self.left, _round_to_two_digits(self.hours_stay))
        if self.spare is None or self.spare >= 0 or not self.rate:
            return 0
        return min(self.left, _round_to_two_digits(-self.spare * self.rate))

    @property
    def waits_for_hours(self) -> bool:
        """Return whether it runs but sends nothing because local hours are closed."""
        return (
            self.state == MailingState.RUNNING
            and self.has_hours
            and not self.rate
            and not self.held
            and not self.open_now
        )


def pace_of(rate: float) -> float | int:
    """Return a rate in whole numbers unless it is low."""
    shown = round(rate, 1 if rate < 10 else None)
    return int(shown) if shown == int(shown) else shown


def snapshots(mailings: QuerySet[Mailing]) -> list[Snapshot]:
    """Return the snapshots of these mailings in their order, by one query: 0.3 ms for each
    thousand batches."""
    batches = sums_of_mailing()
    # A pause does not lower the rate: samples before the last resume are ignored.
    resumes = MailingEvent.objects.filter(
        mailing=OuterRef("id"), event__in=(RESUME.name, REOPEN.name)
    )
    look_back = Greatest(
        StatementTimestamp() - RATE_PERIOD,
        Coalesce(OuterRef("resumed_at"), StatementTimestamp() - RATE_PERIOD),
    )
    earlier = Sample.objects.filter(mailing=OuterRef("id"), at__lte=look_back)
    counted = {state: F(state) for state in HANDED_OVER}
    by_zone = waiting_by_zone(OuterRef("id"))
    rows = mailings.annotate(
        by_zone=ArraySubquery(by_zone.values(json=JSONObject(zone="timezone", left="left"))),
        held=hold_reason(),
        last_event=last_event_of(),
        now=StatementTimestamp(),
        resumed_at=Subquery(resumes.order_by("-id").values("at")[:1]),
        remainder=remainder_of(mailing=""),
        sums=Subquery(batches.values(json=JSONObject(**{name: name for name in SUMMED}))),
        base=Subquery(earlier.order_by("-at").values(json=JSONObject(at=F("at"), **counted))[:1]),
    )
    slow = slow_database_reason()
    return [_snapshot_from(row, slow) for row in rows]


def snapshot_of(mailing_id: int) -> Snapshot | None:
    """Return the snapshot of a mailing; None if there is no such mailing."""
    return next(iter(snapshots(Mailing.objects.filter(id=mailing_id))), None)


def _snapshot_from(row: Any, slow: Reason | None) -> Snapshot:
    progress = dict(NOTHING_YET)
    if row.sums:
        progress = read({**row.sums, "remainder": row.remainder})
    rate = _rate(row, progress) if row.state == MailingState.RUNNING else None
    return Snapshot(
        id=row.id,
        name=row.name,
        state=row.state,
        provider=row.provider,
        has_hours=row.local_hours is not None,
        is_enlisted=row.enlisted_at is not None,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        finished_at=row.finished_at,
        now=row.now,
        progress=progress,
        rate=rate,
        held=_hold_reason(row, None if rate else slow) or "",
        revision=revision_of(row, row.last_event, row.now),
        started_at=row.started_at,
        **_forecast_with_hours(row, rate),
    )


def _hold_reason(row: Any, slow: Reason | None) -> Reason | None:
    return read_held(row.held) or slow if row.state == MailingState.RUNNING else None


def _forecast_with_hours(row: Any, rate: float | None) -> dict[str, Any]:
    """Return the fields of the forecast of a running mailing with local hours."""
    left = {one["zone"]: one["left"] for one in row.by_zone}
    if rate is None or row.local_hours is None or row.ends_at <= row.now:
        return {}
    forecast = outlook(row, left, row.now, rate)
    return {
        "finishes_at": forecast.finishes_at,
        "hours_stay": forecast.will_stay,
        "open_now": forecast.open_now,
    }


def _rate(row: Any, progress: Mapping[str, int]) -> float:
    """Return the rate since the last sample that is about ten seconds old, or since the launch."""
    since, before = row.started_at, 0
    if row.base:
        since, before = datetime.fromisoformat(row.base["at"]), handed_over(row.base)
    since = max(since, row.resumed_at or since)
    seconds = (row.now - since).total_seconds()
    return max(0.0, (handed_over(progress) - before) / seconds) if seconds > 0 else 0.0


def _round_to_two_digits(count: float) -> int:
    """Round up to two digits: a forecast is not exact."""
    if count < 100:
        return math.ceil(count)
    size = 10 ** (len(str(math.ceil(count))) - 2)
    return int(math.ceil(count / size) * size)
