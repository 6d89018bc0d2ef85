"""Permissions by the role of the API key and the method."""

from typing import TYPE_CHECKING, Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from vestnik.access.models import ApiKey
from vestnik.access.roles import PERMISSIONS, Action, may

if TYPE_CHECKING:  # the framework loads this module while it loads its views
    from rest_framework.views import APIView

#: What a method needs unless the view says otherwise: deleting is for administrators.
NEEDED = {
    "GET": Action.SEE,
    "HEAD": Action.SEE,
    "POST": Action.SEND,
    "PUT": Action.SEND,
    "PATCH": Action.SEND,
    "DELETE": Action.MANAGE,
}


class RolePermission(BasePermission):
    """Permits a request if the role of its key grants the method."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        key: Any = request.user
        if not isinstance(key, ApiKey):
            return False
        action = NEEDED.get(str(request.method))
        if action is None or request.method not in view.allowed_methods:
            return True  # the view answers 405
        action = getattr(view, "needs", {}).get(request.method, action)
        if may(key.role, action):
            return True
        raise PermissionDenied(f"This needs the role {_least(action)}; this key is a {key.role}.")


def _least(action: Action) -> str:
    return " or ".join(role for role, granted in PERMISSIONS.items() if action in granted)
