"""Three roles, each able to do all that the one before it can."""

from enum import StrEnum

from django.db import models


class Role(models.TextChoices):
    """What a user or an API key may do, from least to most."""

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
    """Whether `role` is granted `action`; a role that does not exist is granted nothing."""
    return role in Role.values and action in PERMISSIONS[Role(role)]
