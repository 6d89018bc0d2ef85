"""Limits of failed logins, counted by django-axes per user name and address together.

Counting by name alone would allow anyone to lock a user out; counting by address alone would lock
out an office behind one address. An address that tries many names is stopped at ADDRESS_LIMIT.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from axes.models import AccessAttempt
from axes.utils import reset
from django.conf import settings
from django.db.models import Max, QuerySet, Sum
from django.http import HttpRequest
from django.utils import timezone

from vestnik.access.visitor import address

#: Failures from one address over all names, within AXES_COOLOFF_TIME. High enough for an office
#: behind one address, low enough against lists of names.
ADDRESS_LIMIT = 100
#: The length of Django's `username`; axes stores it in a column of 255.
LONGEST_NAME = 150


def attempted_name(request: HttpRequest, credentials: Mapping[str, Any] | None) -> str:
    """Return the user name of a login, cut to the length of the column in which axes stores it."""
    return str((credentials or request.POST).get("username") or "")[:LONGEST_NAME]


def is_too_busy(request: HttpRequest) -> bool:
    """Return whether this address has reached ADDRESS_LIMIT failures, over all user names."""
    failures = _recent().filter(ip_address=address(request)).aggregate(Sum("failures_since_start"))
    return (failures["failures_since_start__sum"] or 0) >= ADDRESS_LIMIT


def open_again(request: HttpRequest, username: str) -> timedelta:
    """Return how long this address has to wait before it may try this name again; at least 1 s."""
    attempts = _recent().filter(ip_address=address(request))
    latest: datetime | None = (
        attempts.filter(username=username).aggregate(at=Max("attempt_time"))["at"]
        or attempts.aggregate(at=Max("attempt_time"))["at"]
    )
    since = timezone.now() - latest if latest else timedelta()
    return max(settings.AXES_COOLOFF_TIME - since, timedelta(seconds=1))


def clear_attempts(username: str) -> None:
    """Forget the failed logins of this name, from every address."""
    reset(username=username)


def _recent() -> QuerySet[Any]:
    since = timezone.now() - settings.AXES_COOLOFF_TIME
    recent: QuerySet[Any] = AccessAttempt.objects.filter(attempt_time__gt=since)
    return recent
