"""A mailing's messages by operator code and by error.

The only report that reads every message of a mailing: 50,000 of them take 60 ms, so it is loaded
separately, and cached until the mailing's counts change.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache
from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import Substr

from vestnik.dispatch.read.message_state import STATES, messages
from vestnik.dispatch.read.messages import of_mailing
from vestnik.dispatch.read.progress import Progress
from vestnik.dispatch.states import LEFT_US
from vestnik.mailings.models import Mailing
from vestnik.reasons.reason import Reason

#: The cache's key contains the counts, so an entry is never outdated, only unused.
CACHE_SECONDS = 24 * 60 * 60
#: Groups of errors that are listed; the rest is summed by state.
MAX_ERRORS = 30


@dataclass(frozen=True)
class BreakdownRow:
    """Counts by state of messages that share an operator code."""

    name: str
    progress: Progress


@dataclass(frozen=True)
class ErrorGroup:
    """Messages in one state with one reason; None sums the reasons beyond MAX_ERRORS."""

    state: str
    reason: Reason | None
    count: int


@dataclass(frozen=True)
class Breakdown:
    """A mailing's messages by operator code and by error, and the segments sent."""

    codes: list[BreakdownRow]
    errors: list[ErrorGroup]
    segments: int


def breakdown_of(mailing: Mailing, progress: Progress, every: float | None = None) -> Breakdown:
    """Return the breakdown of a mailing with this progress.

    For live pages it is computed once in `every` seconds, for all of them together.
    """
    counts = ".".join(map(str, progress.values()))
    moment = counts if every is None else f"at-{time.time() // every:.0f}"
    key = f"breakdown-2:{mailing.id}:{mailing.state}:{moment}"
    breakdown: Breakdown | None = cache.get(key)
    if breakdown is None:
        breakdown = _query_breakdown(messages().filter(of_mailing(mailing.id)).order_by())
        cache.set(key, breakdown, CACHE_SECONDS)
    return breakdown


def _query_breakdown(rows: QuerySet[Any]) -> Breakdown:
    """Group by digits 2 to 4 of the message's own number, which a change of the client keeps."""
    by_code = rows.values_list(Substr("phone_number", 2, 3), "reads_as")
    codes: dict[str, Progress] = {}
    left = 0
    for code, state, count, segments in by_code.annotate(Count("id"), Sum("segments")):
        codes.setdefault(code, dict.fromkeys(STATES, 0))[state] += count
        left += segments if state in LEFT_US else 0
    lines = [BreakdownRow(code, _with_total(counts)) for code, counts in codes.items()]
    lines.sort(key=lambda line: (-line.progress["matched"], line.name))
    return Breakdown(lines, _group_by_error(rows.filter(error__isnull=False)), left)


def _with_total(counts: Mapping[str, int]) -> Progress:
    return {"matched": sum(counts.values()), **counts}


def _group_by_error(rows: QuerySet[Any]) -> list[ErrorGroup]:
    rows_by_error = rows.values_list("reads_as", "error", "reason").annotate(count=Count("id"))
    groups = [
        ErrorGroup(state, Reason.stored(error, reason), count)
        for state, error, reason, count in rows_by_error.order_by("-count", "error")
    ]
    return [*groups[:MAX_ERRORS], *_sum_by_state(groups[MAX_ERRORS:])]


def _sum_by_state(groups: Iterable[ErrorGroup]) -> list[ErrorGroup]:
    counts: dict[str, int] = {}
    for group in groups:
        counts[group.state] = counts.get(group.state, 0) + group.count
    return [ErrorGroup(state, None, count) for state, count in counts.items()]
