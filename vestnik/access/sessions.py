"""Django's database sessions, with the user, the address and the browser as columns.

Django documents this extension: a model, and a store that fills its columns. The store sees only
the data of a session, so `note_login` writes what it knows into that data.
"""

import hashlib
from datetime import timedelta
from typing import Any, ClassVar, cast

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DBStore
from django.contrib.sessions.base_session import AbstractBaseSession, BaseSessionManager
from django.db import models
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from vestnik.access.visitor import address

AGENT, ADDRESS, STARTED = "agent", "address", "started"
#: `last_seen_at` is written at most this often, to save a write per request.
SEEN_NOTED_EVERY = timedelta(minutes=1)


class SessionManager(BaseSessionManager["Session"]):
    def of(self, user_id: int) -> models.QuerySet["Session"]:
        """Return the live sessions of a user, the most recently used first."""
        return self.filter(user=user_id, expire_date__gt=Now()).order_by("-last_seen_at")

    def end(self, user_id: int, *, but: str | None = None) -> int:
        """End the user's sessions, except the one with the key `but`; return their number."""
        return self.filter(user=user_id).exclude(session_key=but).delete()[0]


class Session(AbstractBaseSession):
    """The login of a user in one browser."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="sessions"
    )
    agent = models.CharField(max_length=255, default="")
    address = models.GenericIPAddressField(null=True)
    started_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[SessionManager] = SessionManager()

    @classmethod
    def get_session_store_class(cls) -> type["SessionStore"]:
        return SessionStore

    @property
    def mark(self) -> str:
        """The name of the session on pages; a hash, since the key itself opens the session."""
        return hashlib.sha256(self.session_key.encode()).hexdigest()[:16]


class SessionStore(DBStore):
    """The session engine; `SESSION_ENGINE` names this module."""

    row: Session | None = None

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def _get_session_from_db(self) -> Session | None:
        self.row = super()._get_session_from_db()  # type: ignore[misc]  # the stubs do not know it
        return self.row

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        """Return the row of the session; saving it also updates `last_seen_at`."""
        row = cast(Session, super().create_model_instance(data))
        row.user_id = data.get(SESSION_KEY)
        row.agent = data.get(AGENT, "")
        row.address = data.get(ADDRESS)
        # Without a start in its data, a session keeps the default: it began before this field
        # existed.
        row.started_at = parse_datetime(data.get(STARTED, "")) or row.started_at
        return row

    def note_use(self) -> None:
        """Store the time of the last use, at most once a minute, to save a write per request."""
        if self.row and timezone.now() - self.row.last_seen_at >= SEEN_NOTED_EVERY:
            Session.objects.filter(session_key=self.row.session_key).update(last_seen_at=Now())


def note_login(request: HttpRequest, **_: Any) -> None:
    """Store address and browser of a login in its session, and delete expired sessions."""
    # PostgreSQL does not store NUL, and a header may hold it.
    request.session[AGENT] = request.META.get("HTTP_USER_AGENT", "")[:255].replace("\0", "")
    request.session[ADDRESS] = address(request)
    request.session[STARTED] = timezone.now().isoformat()
    # Logins are rare enough to pay for it, so no periodic job is needed.
    SessionStore.clear_expired()
