from typing import Any

import structlog
from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest
from django_structlog.signals import bind_extra_request_metadata


class AccessConfig(AppConfig):
    name = "vestnik.access"
    verbose_name = "Access"

    def ready(self) -> None:
        from vestnik.access.sessions import note_login

        user_logged_in.connect(note_login, dispatch_uid="note_login")
        bind_extra_request_metadata.connect(note_reader, dispatch_uid="note_reader")


def note_reader(request: HttpRequest, **_: Any) -> None:
    """Bind the user's id to each log line of a request; the API binds the key's id."""
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        structlog.contextvars.bind_contextvars(actor=f"user:{user.pk}")
