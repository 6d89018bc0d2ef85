"""Authentication by `Authorization: Bearer KEY`."""

from datetime import UTC, datetime
from typing import Any

import structlog
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from vestnik.access.models import USE_NOTED_EVERY, ApiKey

CHALLENGE = 'Bearer realm="vestnik"'


class ApiKeyAuthentication(BaseAuthentication):
    """Finds the API key of the request and sets it as `request.user` and `request.auth`."""

    def authenticate(self, request: Request) -> tuple[ApiKey, ApiKey] | None:
        given = request.headers.get("Authorization", "")
        scheme, _, plain = given.partition(" ")
        if not given:
            return None
        if scheme.lower() != "bearer" or not plain.strip():
            raise AuthenticationFailed("Write the header as 'Authorization: Bearer KEY'.")
        key = ApiKey.objects.find(plain.strip())
        if key is None:
            raise AuthenticationFailed("This API key is not known, or it was revoked.")
        _note_use(key)
        structlog.contextvars.bind_contextvars(actor=actor_of(key))
        return key, key

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


def key_of(request: Request) -> ApiKey:
    """Return the API key of a permitted request."""
    key: Any = request.auth
    assert isinstance(key, ApiKey)  # noqa: S101  (they let nobody else in)
    return key


def actor_of(key: ApiKey) -> str:
    """Return the key's name as events record it."""
    return f"key:{key.name}"


def _note_use(key: ApiKey) -> None:
    if key.last_used_at is None or datetime.now(UTC) - key.last_used_at > USE_NOTED_EVERY:
        key.note_use()
