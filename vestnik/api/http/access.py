"""Authentication by `Authorization: Bearer KEY`, and permissions by the key's role and the
method."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from vestnik.access.models import USE_NOTED_EVERY, ApiKey
from vestnik.access.roles import PERMISSIONS, Action, may

if TYPE_CHECKING:  # the framework loads this module while it loads its views
    from rest_framework.views import APIView

CHALLENGE = 'Bearer realm="vestnik"'
#: What a method needs unless the view says otherwise: deleting is for administrators.
NEEDED = {
    "GET": Action.SEE,
    "HEAD": Action.SEE,
    "POST": Action.SEND,
    "PUT": Action.SEND,
    "PATCH": Action.SEND,
    "DELETE": Action.MANAGE,
}


class ApiKeyAuthentication(BaseAuthentication):
    """Sets the request's API key as `request.user` and `request.auth`."""

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


class RolePermission(BasePermission):
    """Permits a request if the role of its key grants the method."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        key: Any = request.auth
        if not isinstance(key, ApiKey):
            return False
        action = NEEDED.get(str(request.method))
        if action is None or request.method not in view.allowed_methods:
            return True  # the view answers 405
        action = getattr(view, "needs", {}).get(request.method, action)
        if may(key.role, action):
            return True
        raise PermissionDenied(f"This needs the role {_least(action)}; this key is a {key.role}.")


def key_of(request: Request) -> ApiKey:
    """Return the API key of a permitted request."""
    key: Any = request.auth
    assert isinstance(key, ApiKey)  # noqa: S101  (permitted requests have one)
    return key


def actor_of(key: ApiKey) -> str:
    """Return the key's name as events record it."""
    return f"key:{key.name}"


def _note_use(key: ApiKey) -> None:
    # At most one update in USE_NOTED_EVERY for a key, whatever its rate of requests.
    if key.last_used_at is None or datetime.now(UTC) - key.last_used_at > USE_NOTED_EVERY:
        key.note_use()


def _least(action: Action) -> str:
    return " or ".join(role for role, granted in PERMISSIONS.items() if action in granted)
