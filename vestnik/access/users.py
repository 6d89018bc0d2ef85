"""What an admin does to users. There is always an admin left."""

import secrets

import structlog
from django.db import transaction

from vestnik.access.lockout import clear_attempts
from vestnik.access.models import User
from vestnik.access.roles import Role
from vestnik.access.sessions import Session

log = structlog.get_logger(__name__)

# Without letters and digits that are taken for each other.
ALPHABET = "abcdefghjkmnpqrstuvwxyzACDEFGHJKLMNPQRTUVWXY34679"
LENGTH = 16


class LastAdmin(Exception):
    """After this nobody could manage users any more."""


def new_password() -> str:
    """A password that nobody guesses, and that can be read out over the phone."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def add(username: str, role: str, password: str, *, actor: str) -> User:
    """A new user."""
    user = User.objects.create_user(username, password=password, role=Role(role))
    log.info("user added", user=username, role=role, actor=actor)
    return user


@transaction.atomic
def set_role(user: User, role: str, *, actor: str) -> None:
    """Give the user another role, at once. Raises LastAdmin."""
    if role != Role.ADMIN:
        keep_an_admin(user)
    user.role = Role(role)
    user.save(update_fields=["role"])
    log.info("role changed", user=user.username, role=role, actor=actor)


@transaction.atomic
def deactivate(user: User, *, actor: str) -> None:
    """Shut the user out and end their sessions; what they did stays on record. Raises LastAdmin."""
    keep_an_admin(user)
    user.is_active = False
    user.save(update_fields=["is_active"])
    Session.objects.end(user.pk)
    log.info("user deactivated", user=user.username, actor=actor)


def activate(user: User, *, actor: str) -> None:
    """Let the user in again."""
    user.is_active = True
    user.save(update_fields=["is_active"])
    log.info("user activated", user=user.username, actor=actor)


@transaction.atomic
def set_password(user: User, password: str, *, actor: str) -> None:
    """Give the user another password; their sessions end, and a lock-out too."""
    user.set_password(password)
    user.save(update_fields=["password"])
    Session.objects.end(user.pk)
    clear_attempts(user.username)
    log.info("password set", user=user.username, actor=actor)


def keep_an_admin(user: User) -> None:
    """Raises LastAdmin where the user is the only one. Call it in a transaction: the admins' rows
    stay locked until its end, so that two of them cannot unmake each other."""
    admins = User.objects.filter(role=Role.ADMIN, is_active=True).order_by("id")
    if set(admins.select_for_update().values_list("id", flat=True)) == {user.pk}:
        raise LastAdmin
