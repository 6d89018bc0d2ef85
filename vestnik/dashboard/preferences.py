"""What a user prefers on this device: the theme. The language is Django's own `set_language`."""

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from vestnik.dashboard.shell import THEME_COOKIE, THEMES

REMEMBERED = timedelta(days=365)


@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    """Remember light, dark, or the system's own; back to the page that it was asked from."""
    response = redirect(_where_from(request))
    theme = request.POST.get("theme")
    if theme in THEMES:
        response.set_cookie(THEME_COOKIE, theme, max_age=REMEMBERED, samesite="Lax", httponly=True)
    return response


def _where_from(request: HttpRequest) -> str:
    wanted = request.POST.get("next", "")
    here = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure())
    return wanted if here else resolve_url("overview")
