"""Users and API keys."""

import hashlib
import secrets
from datetime import timedelta
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from vestnik.access.roles import Role
from vestnik.access.sessions import Session

__all__ = ["ApiKey", "ApiKeyQuerySet", "RoleUserManager", "Session", "User", "digest"]

KEY_MARK = "vk_"
#: `last_used_at` is written at most this often: a write per request would make one row of the table
#: a bottleneck.
USE_NOTED_EVERY = timedelta(minutes=1)


class RoleUserManager(UserManager["User"]):
    """The manager of users; a superuser gets the admin role."""

    def create_superuser(
        self,
        username: str,
        email: str | None = None,
        password: str | None = None,
        **extra: Any,
    ) -> "User":
        """Create a user with every right, in the dashboard and in Django's admin."""
        extra.setdefault("role", Role.ADMIN)
        return super().create_superuser(username, email, password, **extra)


class User(AbstractUser):
    """A user of the dashboard.

    `timezone` is the IANA zone in which pages show times; empty means the zone of the service.
    """

    role = models.CharField(max_length=8, choices=Role.choices, default=Role.VIEWER)
    timezone = models.CharField(max_length=64, blank=True, default="")

    objects: ClassVar[RoleUserManager] = RoleUserManager()

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(name="user_role_known", condition=Q(role__in=Role.values))
        ]


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def issue(self, *, name: str, role: str) -> tuple["ApiKey", str]:
        """Create a key; return its row and the key in plain text, which is not stored."""
        plain = KEY_MARK + secrets.token_urlsafe(32)
        key = self.create(name=name, role=Role(role), digest=digest(plain), hint=plain[-4:])
        return key, plain

    def find(self, plain: str) -> "ApiKey | None":
        """Return the live key with this plain text, or None."""
        return self.filter(digest=digest(plain), revoked_at=None).first()


class ApiKey(models.Model):
    """A key with which a program uses the API. Only its hash is stored."""

    name = models.CharField(max_length=100)
    role = models.CharField(max_length=8, choices=Role.choices)
    # A key has 256 random bits, so plain SHA-256 cannot be reversed by guessing. A slow password
    # hash would only slow down every request.
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(max_length=4, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(name="api_key_role_known", condition=Q(role__in=Role.values))
        ]

    def __str__(self) -> str:
        return f"{self.name} (…{self.hint})"

    def revoke(self) -> bool:
        """Refuse the key from now on; return whether it was live."""
        return bool(ApiKey.objects.filter(id=self.id, revoked_at=None).update(revoked_at=Now()))

    def note_use(self) -> None:
        """Store the time of the last use, at most once a minute, to save a write per request."""
        stale = Q(last_used_at=None) | Q(last_used_at__lt=Now() - USE_NOTED_EVERY)
        ApiKey.objects.filter(stale, id=self.id).update(last_used_at=Now())


def digest(plain: str) -> str:
    """Return the hash under which a key is stored."""
    return hashlib.sha256(plain.encode()).hexdigest()
