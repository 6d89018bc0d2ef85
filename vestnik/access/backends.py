"""Permissions of Django's admin, derived from the user's role by the same table as for API keys."""

from typing import Any

from django.contrib.auth.backends import ModelBackend

from vestnik.access.models import User
from vestnik.access.roles import Action, may

VIEWED = ("view",)
OPERATED = {"audience": ("add", "change"), "mailings": ("change",)}


class RoleBackend(ModelBackend):
    """Grants what the role allows, beside permissions granted to the user or the groups."""

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        return _granted(user_obj, perm) or super().has_perm(user_obj, perm, obj)

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        # An app is shown in the admin if the role may view it: the verb counts, not the model.
        return _granted(user_obj, f"{app_label}.view_") or super().has_module_perms(
            user_obj, app_label
        )


def _granted(user: Any, perm: str) -> bool:
    return isinstance(user, User) and user.is_active and may(user.role, needed(perm))


def needed(perm: str) -> Action:
    """Return the action of the permission table that a Django permission requires.

    `perm` is `app.verb_model`. What is not named here, users and keys among them, requires MANAGE.
    """
    app, _, name = perm.partition(".")
    verb = name.partition("_")[0]
    if app == "access":
        return Action.MANAGE
    if verb in VIEWED:
        return Action.SEE
    return Action.SEND if verb in OPERATED.get(app, ()) else Action.MANAGE
