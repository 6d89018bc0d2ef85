"""What a user's role grants in Django's admin: the same table as for API keys."""

from typing import Any

from django.contrib.auth.backends import ModelBackend

from vestnik.access.models import User
from vestnik.access.roles import Action, may

VIEWED = ("view",)
OPERATED = {"audience": ("add", "change"), "mailings": ("change",)}


class RoleBackend(ModelBackend):
    """Grants by role, on top of what was granted to the user or to their groups one by one."""

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        return _granted(user_obj, perm) or super().has_perm(user_obj, perm, obj)

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        return _granted(user_obj, f"{app_label}.view_") or super().has_module_perms(
            user_obj, app_label
        )


def _granted(user: Any, perm: str) -> bool:
    return isinstance(user, User) and user.is_active and may(user.role, needed(perm))


def needed(perm: str) -> Action:
    """The action of the permission table that a permission of Django's stands for.

    Users, keys and whatever else is not named here is for those who manage.
    """
    app, _, name = perm.partition(".")
    verb = name.partition("_")[0]
    if app == "access":
        return Action.MANAGE
    if verb in VIEWED:
        return Action.SEE
    return Action.SEND if verb in OPERATED.get(app, ()) else Action.MANAGE
