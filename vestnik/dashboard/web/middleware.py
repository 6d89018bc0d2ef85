"""What holds for every page: where its parts may come from, and whose time it tells."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone, translation

from vestnik.access.sessions import SessionStore
from vestnik.dashboard.wording import zones
from vestnik.dashboard.wording.moments import PAGE_ZONE

GetResponse = Callable[[HttpRequest], HttpResponseBase]

#: Nothing from another host, no script or style within a page: what somebody writes into a
#: mailing's name can never run.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; worker-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
PRIVATE = "no-store"
PROLONGED_EVERY = timedelta(days=1)


def strict_pages(answer: GetResponse) -> GetResponse:
    """Sets the Content-Security-Policy where a view has not set its own, and keeps what is shown
    to one user out of every cache."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = answer(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        if getattr(request.user, "is_authenticated", False):  # an API key is no user
            response.headers.setdefault("Cache-Control", PRIVATE)
        return response

    return middleware


def operators_zone(answer: GetResponse) -> GetResponse:
    """Tells each user the time in their own zone, and everybody else in the service's."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        with timezone.override(zones.find_zone(getattr(request.user, "timezone", ""))):
            return answer(request)

    return middleware


def as_the_page_is(answer: GetResponse) -> GetResponse:
    """Writes a part of an open page in the language and the zone of that page, which another tab
    may have changed since: two languages, or two clocks, are never on one page."""

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

    def process_view(request: HttpRequest, *_: Any) -> None:
        """A form with times brings its zone along: they are read as they were written. It is left
        again with the zone of the user, which `operators_zone` has set around this."""
        if _is_form(request) and (zone := zones.find_zone(request.POST.get(PAGE_ZONE, ""))):
            timezone.activate(zone)

    middleware.process_view = process_view  # type: ignore[attr-defined]  # as Django asks for it
    return middleware


def _is_form(request: HttpRequest) -> bool:
    """Whether a page's form was sent: its body is read by now, for the CSRF token."""
    of_pages = not request.path_info.startswith("/api/")
    return request.method == "POST" and of_pages and request.user.is_authenticated


def seen_sessions(answer: GetResponse) -> GetResponse:
    """Notes in the list of sessions when each was last used; one that is used does not end."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.user.is_authenticated and isinstance(request.session, SessionStore):
            request.session.note_use()
            _prolong(request.session)
        return answer(request)

    return middleware


def _prolong(session: SessionStore) -> None:
    """Once a day: a session that is saved lasts its whole time from then on."""
    lasts = timedelta(seconds=session.get_session_cookie_age())
    if session.row and session.row.expire_date - timezone.now() < lasts - PROLONGED_EVERY:
        session.modified = True
