"""Middleware of all pages: Content-Security-Policy, caching, language, time zone, sessions, and
the user in the log."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone, translation
from django_structlog.signals import bind_extra_request_metadata

from vestnik.access.sessions import SessionStore
from vestnik.dashboard.wording import zones
from vestnik.dashboard.wording.moments import PAGE_ZONE
from vestnik.db.base import connection

GetResponse = Callable[[HttpRequest], HttpResponseBase]

#: No other hosts and no inline scripts or styles, so that text in a mailing's name can never run.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; worker-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
PRIVATE = "no-store"
#: A session in use is saved once a day, which renews its expiry.
PROLONGED_EVERY = timedelta(days=1)


def strict_pages(answer: GetResponse) -> GetResponse:
    """Set the default Content-Security-Policy, and keep users' pages out of caches."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = answer(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        if getattr(request.user, "is_authenticated", False):  # not for API keys
            response.headers.setdefault("Cache-Control", PRIVATE)
        return response

    return middleware


def operators_zone(answer: GetResponse) -> GetResponse:
    """Activate the user's time zone, or the service's."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        zone = getattr(request.user, "timezone", "")
        with timezone.override(zones.find_zone(zone) if zone else None):
            return answer(request)

    return middleware


def as_the_page_is(answer: GetResponse) -> GetResponse:
    """Render a part of an open page in the page's own language and zone.

    Another tab may have changed them since; a page never mixes two languages or two clocks.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.headers.get("HX-Request") != "true":
            return answer(request)
        language = request.headers.get("X-Page-Language", "")
        zone = zones.find_zone(request.headers.get("X-Page-Zone", ""))
        with ExitStack() as chosen:
            if language in dict(settings.LANGUAGES):
                chosen.enter_context(translation.override(language))
            if zone is not None:
                chosen.enter_context(timezone.override(zone))
            return answer(request)

    return middleware


def form_was_read(answer: GetResponse) -> GetResponse:
    """Restart the time limit of a page, and activate the zone in which its form was written.

    The check of the CSRF token has read the body before: a large upload must not use up the time
    for its processing. `operators_zone`, which runs around this, resets the zone.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        return answer(request)

    def process_view(request: HttpRequest, *_: Any) -> None:
        if request.path_info.startswith("/api/"):
            return
        connection.extend_deadline(settings.WEB_REQUEST_SECONDS)
        is_form = request.method == "POST" and request.user.is_authenticated
        if is_form and (zone := zones.find_zone(request.POST.get(PAGE_ZONE, ""))):
            timezone.activate(zone)

    middleware.process_view = process_view  # type: ignore[attr-defined]  # as Django asks for it
    return middleware


def seen_sessions(answer: GetResponse) -> GetResponse:
    """Record when each session was last used, and prolong it."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.user.is_authenticated and isinstance(request.session, SessionStore):
            request.session.note_use()
            _prolong(request.session)
        return answer(request)

    return middleware


def _prolong(session: SessionStore) -> None:
    """Save the session once a day, which renews its expiry."""
    lasts = timedelta(seconds=session.get_session_cookie_age())
    if session.row and session.row.expire_date - timezone.now() < lasts - PROLONGED_EVERY:
        session.modified = True


def bind_user(request: HttpRequest, **_: Any) -> None:
    """Bind the user's id to each log line of a request; the API binds the key's name."""
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        structlog.contextvars.bind_contextvars(actor=f"user:{user.pk}")


bind_extra_request_metadata.connect(bind_user, dispatch_uid="bind_user")
