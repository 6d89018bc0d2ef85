"""The error pages.

`server_error` and `bad_request` use no database, session or user, since any of them may have
failed.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.template.loader import render_to_string
from django.utils import translation

from vestnik.access.models import User
from vestnik.dashboard.account.login import carry_unsaved
from vestnik.dashboard.web import autosave
from vestnik.dashboard.web.context_processors import theme_of
from vestnik.dashboard.web.decorators import is_htmx
from vestnik.dashboard.web.middleware import POLICY, PRIVATE
from vestnik.dashboard.web.preferences import where_from
from vestnik.db.errors import RETRY_AFTER, FailureKind


def not_found(request: HttpRequest) -> HttpResponse:
    """404, with the navigation for logged-in users."""
    return _within(request, "dashboard/not_found.html", 404)


def forbidden(request: HttpRequest) -> HttpResponse:
    """403, with the navigation for logged-in users."""
    return _within(request, "dashboard/refused.html", 403)


def bad_request(request: HttpRequest, *, is_incomplete: bool) -> HttpResponse:
    """400; `is_incomplete` if the end of the body is missing."""
    return _alone(request, "dashboard/bad_request.html", 400, is_incomplete=is_incomplete)


def csrf_failure(request: HttpRequest) -> HttpResponse:
    """403 for an expired form.

    A request of htmx gets the new token, so that the page continues after a login in another tab
    and keeps its content.
    """
    if is_htmx(request):
        answer = render(request, "dashboard/csrf_retry.html", status=403)
        answer["HX-Reswap"] = "none"
        return _guarded(answer)
    if _is_written_here(request):
        return _guarded(_returned(request))
    return _alone(request, "dashboard/csrf_failure.html", 403, way_back=_way_back(request))


def _is_written_here(request: HttpRequest) -> bool:
    """Return whether an autosaved page of ours was submitted.

    It is recognised by its origin, since its token is that of an earlier login. The form is only
    shown again, not executed.
    """
    own = f"{request.scheme}://{request.get_host()}"
    return (
        # A page of another site cannot set this header.
        request.headers.get("Origin") == own
        and "token" in request.POST
        and autosave.is_autosaved(request.path)
    )


def _returned(request: HttpRequest) -> HttpResponse:
    user = request.user
    if not isinstance(user, User):
        return carry_unsaved(request)
    fields = autosave.field_pairs(request.POST)
    owner = autosave.owner_of(fields) or user
    page = autosave.save_before_login(owner, request.path, fields)
    return redirect(page if owner == user else request.path)


def _way_back(request: HttpRequest) -> str:
    """Return the page on which the language or the theme was changed, with its content."""
    is_of_the_foot = request.path in (resolve_url("set_language"), resolve_url("set-theme"))
    return where_from(request) if is_of_the_foot else ""


def unavailable(request: HttpRequest, trouble: FailureKind) -> HttpResponse:
    """503: why the request was not served, although it is valid."""
    answer = _alone(request, "dashboard/unavailable.html", 503, trouble=trouble.name)
    answer["Retry-After"] = str(RETRY_AFTER[trouble])
    return answer


def server_error(request: HttpRequest) -> HttpResponse:
    """500."""
    return _alone(request, "dashboard/server_error.html", 500)


def _within(request: HttpRequest, template: str, status: int) -> HttpResponse:
    user = getattr(request, "user", None)
    known = user is not None and user.is_authenticated
    frame = "dashboard/base.html" if known else "dashboard/plain.html"
    return _guarded(render(request, template, {"frame": frame}, status=status))


def _alone(request: HttpRequest, template: str, status: int, **more: object) -> HttpResponse:
    language = translation.get_language_from_request(request)
    with translation.override(language):
        body = render_to_string(
            template,
            {
                "theme": theme_of(request),
                "LANGUAGE_CODE": language,
                **more,
            },
        )
    return _guarded(HttpResponse(body, status=status))


def _guarded(response: HttpResponse) -> HttpResponse:
    """Set the security headers, since not every error passes through our middleware."""
    response["Content-Security-Policy"] = POLICY
    response["Cache-Control"] = PRIVATE
    return response
