"""Django's error handlers: HTML for browsers, problem+json for API clients (decision 0145)."""

import sys
from collections.abc import Callable

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse

from vestnik.api.http import problems
from vestnik.dashboard.web import error_pages as pages
from vestnik.db.errors import classify_failure, is_unstorable
from vestnik.middleware.complete_body import IncompleteBody

FOR_PROGRAMS = ("/api/", "/metrics", "/livez", "/readyz")
KINDS = ["text/html", problems.CONTENT_TYPE, "application/json"]


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400: an incomplete body, an unknown host, a forged cookie, a header that is too
    long."""
    is_incomplete = isinstance(exception, IncompleteBody)
    return _either(
        request,
        lambda: problems.bad_request(request, exception),
        lambda asked: pages.bad_request(asked, is_incomplete=is_incomplete),
    )


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403: Django refused the request."""
    return _either(request, lambda: problems.forbidden(request, exception), pages.forbidden)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404: there is no such address or object."""
    return _either(request, lambda: problems.not_found(request, exception), pages.not_found)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500 for a defect, 503 for a busy, slow or absent database, 400 for unstorable
    input."""
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
    """Answer 403: a form without its CSRF token, or with that of an earlier login."""
    denied = PermissionError(reason)
    return _either(request, lambda: problems.forbidden(request, denied), pages.csrf_failure)


def _either(
    request: HttpRequest,
    program: Callable[[], HttpResponse],
    person: Callable[[HttpRequest], HttpResponse],
) -> HttpResponse:
    """Answer with the page or the problem document, by the address and the header Accept.

    Outside the API, a client without the header Accept gets the page.
    """
    wants_page = request.get_preferred_type(KINDS) == "text/html"
    return person(request) if wants_page and not _for_programs(request) else program()


def _for_programs(request: HttpRequest) -> bool:
    return request.path_info.startswith(FOR_PROGRAMS)
