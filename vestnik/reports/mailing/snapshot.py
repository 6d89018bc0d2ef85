"""How mailings go at this moment: their progress and their rate, and what comes of it by the end.

One query for any number of them, and nothing in it that cannot be handed on to another process.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import DateTimeField, F, Func, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, Greatest, JSONObject

from vestnik.dispatch.models import Batch
from vestnik.mailings.models import REOPEN, RESUME, UNDER_WAY, Mailing, MailingEvent, MailingState
from vestnik.reasons.reason import Reason
from vestnik.reports.mailing.held import held_by_database, reason_of
from vestnik.reports.mailing.held import read as read_held
from vestnik.reports.mailing.message_state import KEPT_COUNTS, OPEN, remainder_of
from vestnik.reports.mailing.outlook import outlook
from vestnik.reports.mailing.progress import NOTHING_YET, Progress, reached, read, settled, sums
from vestnik.reports.mailing.revision import last_event_of, revision_of
from vestnik.reports.models import Sample
from vestnik.reports.timeline.samples import HANDED_OVER, handed_over

#: The rate is read over so many seconds.
LOOK_BACK = timedelta(seconds=9.5)
SUMMED = ("matched", "flying", *(f"{state}_kept" for state in KEPT_COUNTS))


class Asked(Func):
    """The instant at which the database was asked: it answers with all that was done before."""

    template = "statement_timestamp()"
    arity = 0
    output_field = DateTimeField()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A mailing at an instant. `rate` is None where it does not run."""

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
    #: Why nothing goes out although it runs; empty where it does.
    held: str = ""
    #: With local hours: when it will be through, how many will not fit before the end, and of how
    #: many the hours are open.
    finishes_at: datetime | None = None
    hours_stay: int = 0
    open_now: int = 0
    #: The mark of what a page shows of it beside these numbers.
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
        """The rate as it is read: whole numbers, but for a slow one."""
        if self.rate is None:
            return None
        return round(self.rate) if self.rate >= 10 or not self.rate else round(self.rate, 1)

    @property
    def left(self) -> int:
        """How many are still to be handed over."""
        return sum(self.progress[state] for state in OPEN)

    @property
    def settled(self) -> int:
        """Of how many it is known what became of them."""
        return settled(self.progress)

    @property
    def reached(self) -> int:
        """How many have got as far as their clients."""
        return reached(self.progress)

    @property
    def seconds_left(self) -> float | None:
        """Until all are handed over at this rate, and within the hours of its clients; None where
        that is not known: it does not move, or its audience is not complete yet."""
        if not self.is_enlisted or not self.left:
            return None
        if self.has_hours:
            done = None if self.held else self.finishes_at
            return None if done is None else max(0.0, (done - self.now).total_seconds())
        return self.left / self.rate if self.rate else None

    @property
    def spare(self) -> float | None:
        """How many seconds before the end it will be through; negative where it will not."""
        left = self.seconds_left
        return None if left is None else (self.ends_at - self.now).total_seconds() - left

    @property
    def will_stay(self) -> int:
        """How many will not fit before the end at this rate, about."""
        if self.has_hours:
            return min(self.left, _rounded(self.hours_stay))
        if self.spare is None or self.spare >= 0 or not self.rate:
            return 0
        return min(self.left, _rounded(-self.spare * self.rate))

    @property
    def waits_for_hours(self) -> bool:
        """It runs, and nothing goes: its clients are not to be disturbed now."""
        return (
            self.state == MailingState.RUNNING
            and self.has_hours
            and not self.rate
            and not self.held
            and not self.open_now
        )


def snapshots(mailings: QuerySet[Mailing]) -> list[Snapshot]:
    """How each of these mailings goes, in their order; one query, 0.3 ms for each thousand of
    their batches."""
    batches = sums(Batch.objects.filter(mailing=OuterRef("id")))
    # A pause is no slowness: what came before the last resume is not looked at.
    resumes = MailingEvent.objects.filter(
        mailing=OuterRef("id"), event__in=(RESUME.name, REOPEN.name)
    )
    look_back = Greatest(Asked() - LOOK_BACK, Coalesce(OuterRef("resumed_at"), Asked() - LOOK_BACK))
    earlier = Sample.objects.filter(mailing=OuterRef("id"), at__lte=look_back)
    counted = {state: F(state) for state in HANDED_OVER}
    zones = Batch.objects.filter(mailing=OuterRef("id"), queued__gt=0).exclude(timezone=None)
    by_zone = zones.order_by().values("timezone").annotate(left=Sum("queued"))
    rows = mailings.annotate(
        by_zone=ArraySubquery(by_zone.values(json=JSONObject(zone="timezone", left="left"))),
        held=reason_of(),
        last_event=last_event_of(),
        now=Asked(),
        resumed_at=Subquery(resumes.order_by("-id").values("at")[:1]),
        remainder=remainder_of(mailing=""),
        sums=Subquery(batches.values(json=JSONObject(**{name: name for name in SUMMED}))),
        base=Subquery(earlier.order_by("-at").values(json=JSONObject(at=F("at"), **counted))[:1]),
    )
    slow = held_by_database()
    return [_seen(row, slow) for row in rows]


def snapshot_of(mailing_id: int) -> Snapshot | None:
    """How a mailing goes; None where there is none of that number."""
    return next(iter(snapshots(Mailing.objects.filter(id=mailing_id))), None)


def _seen(row: Any, slow: Reason | None) -> Snapshot:
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
        held=_held(row, None if rate else slow) or "",
        revision=revision_of(row, row.last_event, row.now),
        started_at=row.started_at,
        **_by_hours(row, rate),
    )


def _held(row: Any, slow: Reason | None) -> Reason | None:
    return read_held(row.held) or slow if row.state == MailingState.RUNNING else None


def _by_hours(row: Any, rate: float | None) -> dict[str, Any]:
    """What comes of a mailing that has local hours and runs."""
    left = {one["zone"]: one["left"] for one in row.by_zone}
    if rate is None or row.local_hours is None or row.ends_at <= row.now:
        return {}
    found = outlook(row, left, row.now, rate)
    return {
        "finishes_at": found.finishes_at,
        "hours_stay": found.will_stay,
        "open_now": found.open_now,
    }


def _rate(row: Any, progress: Mapping[str, int]) -> float:
    """Against the last sample that is about ten seconds old; since the launch where there is
    none yet."""
    since, before = row.started_at, 0
    if row.base:
        since, before = datetime.fromisoformat(row.base["at"]), handed_over(row.base)
    since = max(since, row.resumed_at or since)
    seconds = (row.now - since).total_seconds()
    return max(0.0, (handed_over(progress) - before) / seconds) if seconds > 0 else 0.0


def _rounded(count: float) -> int:
    """To two digits: what is forecast is not known to the message."""
    if count < 100:
        return math.ceil(count)
    size = 10 ** (len(str(math.ceil(count))) - 2)
    return int(math.ceil(count / size) * size)
