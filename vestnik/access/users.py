"""What an admin does to users. One active admin always remains."""

import secrets

import structlog
from django.db import transaction

from vestnik.access.lockout import clear_attempts
from vestnik.access.models import User
from vestnik.access.roles import Role
from vestnik.access.sessions import Session

log = structlog.get_logger(__name__)

# Without characters that are easily confused: 0 and O, 1 and l, 2 and Z, 5 and S, 8 and B.
ALPHABET = "abcdefghjkmnpqrstuvwxyzACDEFGHJKLMNPQRTUVWXY34679"
#: 49 characters to the power of 16 is about 90 bits.
LENGTH = 16


class LastAdmin(Exception):
    """Raised when a change would leave no active admin."""


def new_password() -> str:
    """Return a random password that can be read out over the phone."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def add(username: str, role: str, password: str, *, actor: str) -> User:
    """Create a user."""
    user = User.objects.create_user(username, password=password, role=Role(role))
    log.info("user added", user=username, role=role, actor=actor)
    return user


@transaction.atomic
def set_role(user: User, role: str, *, actor: str) -> None:
    """Change the user's role, effective at once. Raises LastAdmin."""
    if role != Role.ADMIN:
        keep_an_admin(user)
    user.role = Role(role)
    user.save(update_fields=["role"])
    log.info("role changed", user=user.username, role=role, actor=actor)


@transaction.atomic
def deactivate(user: User, *, actor: str) -> None:
    """Block the user and end their sessions; their events stay. Raises LastAdmin."""
    keep_an_admin(user)
    user.is_active = False
    user.save(update_fields=["is_active"])
    Session.objects.end(user.pk)
    log.info("user deactivated", user=user.username, actor=actor)


def activate(user: User, *, actor: str) -> None:
    """Unblock the user."""
    user.is_active = True
    user.save(update_fields=["is_active"])
    log.info("user activated", user=user.username, actor=actor)


@transaction.atomic
def set_password(user: User, password: str, *, actor: str) -> None:
    """Set a new password, end the user's sessions, and lift a lock-out."""
    user.set_password(password)
    user.save(update_fields=["password"])
    Session.objects.end(user.pk)
    clear_attempts(user.username)
    log.info("password set", user=user.username, actor=actor)


def keep_an_admin(user: User) -> None:
    """Raise LastAdmin if the user is the only active admin.

    Call it in a transaction: the rows of the admins stay locked until its end, so that two admins
    cannot demote each other at once.
    """
    admins = User.objects.filter(role=Role.ADMIN, is_active=True).order_by("id")
    if set(admins.select_for_update().values_list("id", flat=True)) == {user.pk}:
        raise LastAdmin
