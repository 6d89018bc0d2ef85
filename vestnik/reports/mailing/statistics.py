"""Statistics: counts over all mailings, and of one mailing in detail."""

from typing import Any

from django.db.models import Count

from vestnik.dispatch.read import messages
from vestnik.dispatch.read.progress import Progress, in_final_state, progress_of, total
from vestnik.dispatch.states import LEFT_US
from vestnik.mailings.models import Mailing, MailingEvent, MailingState
from vestnik.mailings.price import price_of
from vestnik.mailings.text import is_personalised
from vestnik.mailings.window import database_now

#: Events in the statistics of a mailing.
MOST_EVENTS = 100


def of_everything(tests: bool | None = None) -> dict[str, Any]:
    """Count mailings and messages by state; `tests` restricts them to tests, or to others."""
    mailings = Mailing.objects.order_by()
    if tests is not None:
        mailings = mailings.filter(is_test=tests)
    counted = mailings.values_list("state").annotate(Count("id"))
    states = dict.fromkeys(MailingState.values, 0) | dict(counted)
    return {"mailings": states, "messages": total(tests)}


def of_mailing(mailing: Mailing) -> dict[str, Any]:
    """Return one mailing's statistics in detail."""
    progress = progress_of([mailing.id])[mailing.id]
    sent = sum(progress[state] for state in LEFT_US)
    segments = _segments(mailing, sent)
    seconds = _seconds_under_way(mailing)
    return {
        "mailing": mailing.id,
        "state": mailing.state,
        "state_reason": mailing.why or "",
        "reason": mailing.why,
        "progress": progress,
        "percentages": _percentages(progress),
        "settled": in_final_state(progress),
        "segments": segments,
        "price": price_of(mailing.provider, segments["sent"] or 0),
        "seconds_under_way": seconds,
        "messages_per_second": round(sent / seconds, 2) if seconds else None,
        "started_at": mailing.started_at,
        "enlisted_at": mailing.enlisted_at,
        "finished_at": mailing.finished_at,
        "events": _latest_events(mailing),
    }


def _segments(mailing: Mailing, sent: int) -> dict[str, int | None]:
    """Count segments; if texts differ, the messages have to be read."""
    if not is_personalised(mailing.text) and mailing.text_version == 1:
        return {"per_message": mailing.segments, "sent": mailing.segments * sent}
    return {"per_message": None, "sent": messages.segments_left_us(mailing.id)}


def _seconds_under_way(mailing: Mailing) -> float | None:
    if mailing.started_at is None:
        return None
    until = mailing.finished_at or min(database_now(), mailing.ends_at)
    # Never negative: the database's clock may have been set back since the start.
    return max(0.0, round((until - mailing.started_at).total_seconds(), 3))


def _percentages(progress: Progress) -> dict[str, float]:
    """Return each state's share of the matched clients, in percent with two decimals."""
    matched = progress["matched"]
    shares = {state: count for state, count in progress.items() if state != "matched"}
    if not matched:
        return dict.fromkeys(shares, 0.0)
    return {state: round(100 * count / matched, 2) for state, count in shares.items()}


def _latest_events(mailing: Mailing) -> list[MailingEvent]:
    """Return the latest events of the mailing, oldest first."""
    return list(reversed(mailing.events.order_by("-id")[:MOST_EVENTS]))
