"""Shared by all views: permissions, and htmx requests.

@page()                       # GET for all users
@page(methods=ANY)            # also POST; the view checks the permission
@page(Action.SEND)            # GET and POST for operators and admins
def new_mailing(request: OperatorRequest) -> HttpResponse: ...
"""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render, resolve_url
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_http_methods

from vestnik.access.models import User
from vestnik.access.roles import Action, may
from vestnik.dashboard.account.login import carry_unsaved
from vestnik.dashboard.models import UnsavedForm
from vestnik.dashboard.web import autosave
from vestnik.dashboard.web.kept_forms import respond_with_autosave


class OperatorRequest(HttpRequest):
    """A request of a logged-in user."""

    user: User
    #: For an autosaved page: the unsaved form, and the URL that opens what was submitted.
    restored: UnsavedForm | None
    kept_at: str


#: Called with a request and the parameters of its URL.
View = Callable[..., HttpResponseBase]


READ = ("GET", "HEAD")
ANY = (*READ, "POST")


def page(
    action: Action = Action.SEE,
    *,
    methods: tuple[str, ...] | None = None,
    keeps: bool = False,
    home: str = "",
) -> Callable[[View], View]:
    """Declare a view for users whose role grants `action`.

    Pages for all users accept no POST unless `methods` includes it. A visitor without a session is
    redirected to the login and returns. A user without the role is told which roles may. `keeps`:
    the form is autosaved, see `vestnik.dashboard.web.kept_forms`. `home`: where a POST-only URL
    redirects when it is opened by a reload or after a login.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def answer(request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return _to_login(request)
            if not may(request.user.role, action):
                return forbidden(request, action)
            if home and request.method in READ:
                return redirect(_address_of(home, kwargs))
            request.restored, request.kept_at = None, ""
            if keeps:
                return respond_with_autosave(request, lambda: view(request, *args, **kwargs))
            return view(request, *args, **kwargs)

        answer.keeps = keeps  # type: ignore[attr-defined]  # read by `autosave.is_autosaved`
        allowed = methods or (READ if action is Action.SEE else ANY)
        return require_http_methods([*allowed, *(READ if home else ())])(answer)

    return decorate


def forbidden(request: HttpRequest, action: Action) -> HttpResponse:
    """Render the page that says which roles grant `action`."""
    return render(request, "dashboard/forbidden.html", {"action": action}, status=403)


def is_htmx(request: HttpRequest) -> bool:
    """Return whether htmx requests a part of the open page."""
    return request.headers.get("HX-Request") == "true"


def actor(request: OperatorRequest) -> str:
    """Return the user as events record them."""
    return f"user:{request.user.username}"


def _to_login(request: HttpRequest) -> HttpResponse:
    if not is_htmx(request):
        if (
            request.method == "POST"
            and "token" in request.POST
            and autosave.is_autosaved(request.path)
        ):
            return carry_unsaved(request)
        return redirect_to_login(request.get_full_path())
    if request.method == "POST":  # leaving the page would lose the input
        return render(request, "dashboard/logged_out.html", status=401)
    # A login form must not appear in the middle of the open page.
    response = HttpResponse(status=401)
    if request.headers.get("X-By-Itself") != "true":  # a background request must not navigate away
        response["HX-Redirect"] = _login_and_back(request)
    return response


def _login_and_back(request: HttpRequest) -> str:
    """Return the URL of the login that returns to the open page."""
    login = resolve_url("login")
    try:
        parts = urlsplit(request.headers.get("HX-Current-URL", ""))
    except ValueError:
        return login
    page = f"{parts.path}?{parts.query}" if parts.query else parts.path
    # Only local paths: `//host` would redirect to another site.
    if parts.netloc != request.get_host() or not page.startswith("/") or page.startswith("//"):
        return login
    return f"{login}?{urlencode({REDIRECT_FIELD_NAME: page})}"


def _address_of(home: str, parameters: dict[str, Any]) -> str:
    try:
        return reverse(home, kwargs=parameters)
    except NoReverseMatch:
        return reverse(home)
