"""The revision of a mailing: a digest of what pages show of it, without its counts."""

import hashlib
from collections.abc import Iterable
from datetime import datetime

from django.db.models import Max, OuterRef, Subquery

from vestnik.mailings.models import Mailing, MailingEvent

FIELDS = (
    *("name", "text", "text_version", "filter", "starts_at", "ends_at", "local_hours"),
    *("provider", "rate_limit", "state", "state_reason", "started_at", "finished_at"),
)
#: Hexadecimal digits of a revision.
LENGTH = 16


def last_event_of() -> Subquery:
    """Return the id of the newest event of each mailing of a query."""
    events = MailingEvent.objects.filter(mailing=OuterRef("id")).order_by("-id")
    return Subquery(events.values("id")[:1])


def current_revision(mailing: Mailing, now: datetime) -> str:
    """Return the revision of a mailing as it was read."""
    last_event = mailing.events.aggregate(last=Max("id"))["last"]
    return revision_of(mailing, last_event, now)


def revision_of(mailing: Mailing, last_event: int | None, now: datetime) -> str:
    """Return the revision, given the id of the newest event."""
    is_over = now >= mailing.ends_at  # then unknown messages can no longer be resent
    return _digest([*(getattr(mailing, name) for name in FIELDS), last_event, is_over])


def _digest(values: Iterable[object]) -> str:
    return hashlib.sha256(repr(list(values)).encode()).hexdigest()[:LENGTH]
