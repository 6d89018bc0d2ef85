"""Who has guessed too often: django-axes counts, by user name and address together.

By the name alone, anybody could lock anybody out; by the address alone, an office behind one
address would lock itself out. An address that tries many names is stopped at ADDRESS_LIMIT.
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

ADDRESS_LIMIT = 100
LONGEST_NAME = 150


def attempted_name(request: HttpRequest, credentials: Mapping[str, Any] | None) -> str:
    """The user name that was tried, as far as a user's name can be long: axes keeps it."""
    return str((credentials or request.POST).get("username") or "")[:LONGEST_NAME]


def is_too_busy(request: HttpRequest) -> bool:
    """Whether this address has failed so often, whatever the names, that it has to wait."""
    found = _recent().filter(ip_address=address(request)).aggregate(Sum("failures_since_start"))
    return (found["failures_since_start__sum"] or 0) >= ADDRESS_LIMIT


def open_again(request: HttpRequest, username: str) -> timedelta:
    """For how long the address has to wait before it may try this name again."""
    tried = _recent().filter(ip_address=address(request))
    latest: datetime | None = (
        tried.filter(username=username).aggregate(at=Max("attempt_time"))["at"]
        or tried.aggregate(at=Max("attempt_time"))["at"]
    )
    since = timezone.now() - latest if latest else timedelta()
    return max(settings.AXES_COOLOFF_TIME - since, timedelta(seconds=1))


def clear_attempts(username: str) -> None:
    """Let the user try again at once, from wherever."""
    reset(username=username)


def _recent() -> QuerySet[Any]:
    since = timezone.now() - settings.AXES_COOLOFF_TIME
    recent: QuerySet[Any] = AccessAttempt.objects.filter(attempt_time__gt=since)
    return recent
