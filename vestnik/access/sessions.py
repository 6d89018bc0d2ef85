"""Sessions that know whose they are: Django's own in the database, with a user in a column.

This is Django's documented way of extending them: a model, and a store that fills its columns. A
store sees only a session's data, so what the login knew (`note_login`) is kept in the data.
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
SEEN_NOTED_EVERY = timedelta(minutes=1)


class SessionManager(BaseSessionManager["Session"]):
    def of(self, user_id: int) -> models.QuerySet["Session"]:
        """The live sessions of a user, the latest seen first."""
        return self.filter(user=user_id, expire_date__gt=Now()).order_by("-last_seen_at")

    def end(self, user_id: int, *, but: str | None = None) -> int:
        """End the user's sessions, or all but the one with the key `but`; how many ended."""
        return self.filter(user=user_id).exclude(session_key=but).delete()[0]


class Session(AbstractBaseSession):
    """Somebody who is logged in, somewhere."""

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
        """Names the session on a page; the key itself opens it, and is shown to nobody."""
        return hashlib.sha256(self.session_key.encode()).hexdigest()[:16]


class SessionStore(DBStore):
    """The engine: `SESSION_ENGINE` names this module."""

    row: Session | None = None

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def _get_session_from_db(self) -> Session | None:
        self.row = super()._get_session_from_db()  # type: ignore[misc]  # the stubs do not know it
        return self.row

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        """The row of the session as it is now; to be saved is to be seen."""
        row = cast(Session, super().create_model_instance(data))
        row.user_id = data.get(SESSION_KEY)
        row.agent = data.get(AGENT, "")
        row.address = data.get(ADDRESS)
        row.started_at = parse_datetime(data.get(STARTED, "")) or row.started_at
        return row

    def note_use(self) -> None:
        """Remember that it was used, to the minute: not a write for every request."""
        if self.row and timezone.now() - self.row.last_seen_at >= SEEN_NOTED_EVERY:
            Session.objects.filter(session_key=self.row.session_key).update(last_seen_at=Now())


def note_login(request: HttpRequest, **_: Any) -> None:
    """Remember from where somebody logged in, and sweep out what has expired."""
    request.session[AGENT] = request.META.get("HTTP_USER_AGENT", "")[:255].replace("\0", "")
    request.session[ADDRESS] = address(request)
    request.session[STARTED] = timezone.now().isoformat()
    SessionStore.clear_expired()
