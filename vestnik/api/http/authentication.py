"""Authentication by `Authorization: Bearer KEY`."""

from datetime import UTC, datetime

import structlog
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from vestnik.access.models import USE_NOTED_EVERY, ApiKey

CHALLENGE = 'Bearer realm="vestnik"'


class ApiKeyAuthentication(BaseAuthentication):
    """Sets the API key as `request.user`, and its name as events record it as `request.auth`."""

    def authenticate(self, request: Request) -> tuple[ApiKey, str] | None:
        given = request.headers.get("Authorization", "")
        scheme, _, plain = given.partition(" ")
        if not given:
            return None
        if scheme.lower() != "bearer" or not plain.strip():
            raise AuthenticationFailed("Write the header as 'Authorization: Bearer KEY'.")
        key = ApiKey.objects.find(plain.strip())
        if key is None:
            raise AuthenticationFailed("This API key is not known, or it was revoked.")
        # At most one update in USE_NOTED_EVERY for a key, whatever its rate of requests.
        if key.last_used_at is None or datetime.now(UTC) - key.last_used_at > USE_NOTED_EVERY:
            key.note_use()
        actor = f"key:{key.name}"
        structlog.contextvars.bind_contextvars(actor=actor)
        return key, actor

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE
