"""What every page has in common: who may open it, and what an htmx request is.

@page()                       # whoever is logged in looks
@page(methods=ANY)            # and posts: the view itself asks who may
@page(Action.SEND)            # operators and admins, to look and to post; others are told why not
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
    """A request of somebody who is logged in."""

    user: User
    #: Of a page that keeps what is written on it: what was written before, and the address that
    #: opens what was sent now.
    restored: UnsavedForm | None
    kept_at: str


#: Called with a request and with what its address names.
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
    """A page for those whose role grants `action`; what everybody may open is not posted to,
    unless `methods` says so.

    A visitor without a session is sent to the login and comes back; a user without the role is told
    which role may. `keeps`: the form's unsaved content is kept, see
    `vestnik.dashboard.web.kept_forms`. `home`: the page to which an address that only takes POST
    redirects when it is opened, by a reload or after a login.
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

        answer.keeps = keeps  # type: ignore[attr-defined]  # asked by `autosave.is_autosaved`
        allowed = methods or (READ if action is Action.SEE else ANY)
        return require_http_methods([*allowed, *(READ if home else ())])(answer)

    return decorate


def forbidden(request: HttpRequest, action: Action) -> HttpResponse:
    """Says that the role does not grant `action`, and which does."""
    return render(request, "dashboard/forbidden.html", {"action": action}, status=403)


def is_htmx(request: HttpRequest) -> bool:
    """Whether a part of a page is asked for, to be put into the page that is open."""
    return request.headers.get("HX-Request") == "true"


def actor(request: OperatorRequest) -> str:
    """Who asks, for the record."""
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
    if request.method == "POST":  # something is being written: to leave the page would lose it
        return render(request, "dashboard/logged_out.html", status=401)
    # A login form must not appear in the middle of the page that is open.
    response = HttpResponse(status=401)
    if request.headers.get("X-By-Itself") != "true":  # nobody has clicked: who reads goes on
        response["HX-Redirect"] = _login_and_back(request)
    return response


def _login_and_back(request: HttpRequest) -> str:
    """The login, and after it the page that is open."""
    login = resolve_url("login")
    try:
        parts = urlsplit(request.headers.get("HX-Current-URL", ""))
    except ValueError:
        return login
    page = f"{parts.path}?{parts.query}" if parts.query else parts.path
    if parts.netloc != request.get_host() or not page.startswith("/") or page.startswith("//"):
        return login
    return f"{login}?{urlencode({REDIRECT_FIELD_NAME: page})}"


def _address_of(home: str, given: dict[str, Any]) -> str:
    try:
        return reverse(home, kwargs=given)
    except NoReverseMatch:
        return reverse(home)
