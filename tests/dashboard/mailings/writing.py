"""A mailing as an operator's browser sends it."""

from datetime import datetime, timedelta
from typing import Any

from django.test import Client as Browser
from django.utils import timezone

from vestnik.access.models import User
from vestnik.dashboard.once import new_token


def browser(role: str = "operator", language: str = "en", **fields: Any) -> Browser:
    user, _ = User.objects.get_or_create(username=role, defaults={"role": role, **fields})
    opened = Browser(headers={"accept-language": language})
    opened.force_login(user)
    return opened


def local(in_seconds: float) -> str:
    """A time as `datetime-local` has it, in the service's zone."""
    return at(timezone.now() + timedelta(seconds=in_seconds))


def at(instant: datetime) -> str:
    return timezone.localtime(instant).strftime("%Y-%m-%dT%H:%M")


def written(**changes: Any) -> dict[str, Any]:
    """The fields of the page, all in order unless told otherwise."""
    fields = {
        "token": new_token(),
        "name": "Sale",
        "text": "Hello",
        "starts": "later",
        "starts_at": local(3600),
        "ends_at": local(7200),
        "hours_from": "",
        "hours_until": "",
        "provider": "null",
        "rate_limit": "",
    }
    return fields | {name: value for name, value in changes.items() if value is not None}


def condition(group: str, number: int, **parts: Any) -> dict[str, Any]:
    """One row of the builder; `written(**condition(...), **condition(...))`."""
    return {f"{group}-{number}-{name}": value for name, value in parts.items()}
