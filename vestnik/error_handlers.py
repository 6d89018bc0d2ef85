"""What Django answers when no view does: a page for who looks, a problem for who programs."""

import sys
from collections.abc import Callable

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse

from vestnik.api.http import problems
from vestnik.dashboard.web import error_pages as pages
from vestnik.db.errors import classify_failure, is_unstorable

FOR_PROGRAMS = ("/api/", "/metrics", "/livez", "/readyz")
KINDS = ["text/html", problems.CONTENT_TYPE, "application/json"]


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """An unknown host, a forged cookie, a header that is too long."""
    return _either(request, lambda: problems.bad_request(request, exception), pages.bad_request)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Refused by Django itself."""
    return _either(request, lambda: problems.forbidden(request, exception), pages.forbidden)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """No such address, or nothing of that number."""
    return _either(request, lambda: problems.not_found(request, exception), pages.not_found)


def server_error(request: HttpRequest) -> HttpResponse:
    """Something broke; or only the database is busy, slow or away, or refuses a text."""
    error = sys.exc_info()[1]
    if is_unstorable(error):
        return bad_request(request, BadRequest())
    if trouble := classify_failure(error):
        return _either(
            request,
            lambda: problems.unavailable(trouble),
            lambda asked: pages.unavailable(asked, trouble),
        )
    return _either(request, lambda: problems.server_error(request), pages.server_error)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form without its token, or with that of an earlier login."""
    denied = PermissionError(reason)
    return _either(request, lambda: problems.forbidden(request, denied), pages.csrf_failure)


def _either(
    request: HttpRequest,
    program: Callable[[], HttpResponse],
    person: Callable[[HttpRequest], HttpResponse],
) -> HttpResponse:
    """Whoever says nothing of what they accept gets the page, outside of the API."""
    wants_page = request.get_preferred_type(KINDS) == "text/html"
    return person(request) if wants_page and not _for_programs(request) else program()


def _for_programs(request: HttpRequest) -> bool:
    return request.path_info.startswith(FOR_PROGRAMS)
