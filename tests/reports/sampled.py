"""Samples of times gone by."""

from datetime import timedelta

from django.utils import timezone

from vestnik.dispatch.read.message_state import STATES
from vestnik.mailings.models import Mailing
from vestnik.reports.models import Sample


def sample(mailing: Mailing, ago: float, **counts: int) -> Sample:
    """The counts of a mailing so many seconds ago; what is not named is none."""
    known = dict.fromkeys(STATES, 0) | counts
    at = timezone.now() - timedelta(seconds=ago)
    return Sample.objects.create(mailing=mailing, at=at, matched=sum(known.values()), **known)


def started(mailing: Mailing, ago: float) -> None:
    """The mailing was launched so many seconds ago."""
    mailing.started_at = timezone.now() - timedelta(seconds=ago)
    mailing.starts_at = mailing.started_at
    mailing.save(update_fields=["started_at", "starts_at"])
