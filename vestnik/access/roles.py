"""The three roles; each may do everything that the role before it may."""

from enum import StrEnum

from django.db import models


class Role(models.TextChoices):
    """The role of a user or an API key, in ascending order of rights."""

    VIEWER = "viewer", "Viewer"
    OPERATOR = "operator", "Operator"
    ADMIN = "admin", "Admin"


class Action(StrEnum):
    """What the permission table grants."""

    SEE = "see"
    SEND = "send"
    MANAGE = "manage"


PERMISSIONS: dict[Role, frozenset[Action]] = {
    Role.VIEWER: frozenset({Action.SEE}),
    Role.OPERATOR: frozenset({Action.SEE, Action.SEND}),
    Role.ADMIN: frozenset(Action),
}


def may(role: str, action: Action) -> bool:
    """Return whether `role` is granted `action`; an unknown role is granted nothing."""
    return role in Role.values and action in PERMISSIONS[Role(role)]
