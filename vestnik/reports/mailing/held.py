"""The reasons why a running mailing sends nothing: an open circuit breaker, or a slow database."""

import time
from collections.abc import Iterable

from vestnik.dispatch.read.breakers import open_reasons, read_reason
from vestnik.dispatch.signals import heartbeat
from vestnik.dispatch.signals.answering import is_answering
from vestnik.mailings.models import Mailing, MailingState
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

#: Seconds between two reads of Redis; between two reads while it is down; and the duration of a
#: read from which it counts as down.
CACHE_SECONDS, AWAY_SECONDS, SLOW_ANSWER = 1.0, 30.0, 0.2


def hold_reasons(mailings: Iterable[Mailing]) -> dict[int, Reason]:
    """Return the reasons of running mailings that send nothing, by id.

    Mailings annotated with `held=hold_reason()` need no query.
    """
    running = [one for one in mailings if one.state == MailingState.RUNNING]
    if all(hasattr(one, "held") for one in running):
        reasons = {one.id: read_reason(getattr(one, "held", None)) for one in running}
    else:
        by_alias = open_reasons()
        reasons = {one.id: by_alias.get(one.provider) for one in running}
    if slow := slow_database_reason() if running else None:
        silent = {a for a in {one.provider for one in running} if not is_answering(a)}
        for one in running:
            if not reasons[one.id] and one.provider in silent:  # otherwise another worker sends
                reasons[one.id] = slow
    return {mailing: why for mailing, why in reasons.items() if why}


def slow_database_reason() -> Reason | None:
    """Return why no mailing sends anything; None if one does."""
    seconds = slow_marks.read()
    return None if seconds is None else Reason(Code.SLOW_DATABASE, seconds=f"{seconds:.1f}")


class CachedSlowMarks:
    """The slow marks in Redis, read once a second, and less often while Redis is down: pages must
    not wait for it each time."""

    def __init__(self) -> None:
        self._seconds: float | None = None
        self._read_at = -AWAY_SECONDS
        self._valid_for = 0.0

    def read(self) -> float | None:
        began = time.monotonic()
        if began - self._read_at >= self._valid_for:
            self._read_at = began
            self._seconds = heartbeat.slow_marks()
            is_away = time.monotonic() - began > SLOW_ANSWER
            self._valid_for = AWAY_SECONDS if is_away else CACHE_SECONDS
        return self._seconds


slow_marks = CachedSlowMarks()
