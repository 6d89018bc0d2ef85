"""A mailing's messages by the operator code of their number, and by what went wrong.

The one report that has to look at every message of a mailing: 50,000 of them take 60 ms, so it is
asked for by itself, and kept for as long as the mailing's counts stay what they were.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache
from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import Substr

from vestnik.dispatch.states import LEFT_US
from vestnik.mailings.models import Mailing
from vestnik.reasons.reason import Reason
from vestnik.reports.mailing.message_state import STATES, messages
from vestnik.reports.mailing.messages import of_mailing
from vestnik.reports.mailing.progress import Progress

KEEP = 24 * 60 * 60
MOST_ERRORS = 30


@dataclass(frozen=True)
class Line:
    """Messages that have something in common, by state."""

    name: str
    progress: Progress


@dataclass(frozen=True)
class Trouble:
    """Messages of one state for one reason; without it where there are too many."""

    state: str
    reason: Reason | None
    count: int


@dataclass(frozen=True)
class Breakdown:
    """A mailing's messages by code and by error, and the segments of those that left."""

    codes: list[Line]
    troubles: list[Trouble]
    segments: int


def breakdown_of(mailing: Mailing, progress: Progress, every: float | None = None) -> Breakdown:
    """The breakdown of a mailing whose progress is known; for those who watch it looked up once
    in `every` seconds, however many they are."""
    counted = ".".join(map(str, progress.values()))
    moment = counted if every is None else f"at-{time.time() // every:.0f}"
    key = f"breakdown-2:{mailing.id}:{mailing.state}:{moment}"
    found: Breakdown | None = cache.get(key)
    if found is None:
        found = _look(messages().filter(of_mailing(mailing.id)).order_by())
        cache.set(key, found, KEEP)
    return found


def _look(rows: QuerySet[Any]) -> Breakdown:
    """By digits 2 to 4 of the number that was written to, which no change of the client moves."""
    by_code = rows.values_list(Substr("phone_number", 2, 3), "reads_as")
    codes: dict[str, Progress] = {}
    left = 0
    for code, state, count, segments in by_code.annotate(Count("id"), Sum("segments")):
        codes.setdefault(code, dict.fromkeys(STATES, 0))[state] += count
        left += segments if state in LEFT_US else 0
    lines = [Line(code, _with_sum(counts)) for code, counts in codes.items()]
    lines.sort(key=lambda line: (-line.progress["matched"], line.name))
    return Breakdown(lines, _by_error(rows.filter(error__isnull=False)), left)


def _with_sum(counts: Mapping[str, int]) -> Progress:
    return {"matched": sum(counts.values()), **counts}


def _by_error(rows: QuerySet[Any]) -> list[Trouble]:
    counted = rows.values_list("reads_as", "error", "reason").annotate(count=Count("id"))
    found = [
        Trouble(state, Reason.stored(error, reason), count)
        for state, error, reason, count in counted.order_by("-count", "error")
    ]
    return [*found[:MOST_ERRORS], *_rest(found[MOST_ERRORS:])]


def _rest(troubles: Iterable[Trouble]) -> list[Trouble]:
    counts: dict[str, int] = {}
    for trouble in troubles:
        counts[trouble.state] = counts.get(trouble.state, 0) + trouble.count
    return [Trouble(state, None, count) for state, count in counts.items()]
