"""What a user prefers on this device: the theme. The language is Django's own `set_language`."""

from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.http import url_has_allowed_host_and_scheme

from vestnik.dashboard.web.context_processors import THEME_COOKIE, THEMES

REMEMBERED = timedelta(days=365)


def set_theme(request: HttpRequest) -> HttpResponse:
    """Remember light, dark, or the system's own; back to the page that it was asked from."""
    response = HttpResponseRedirect(where_from(request))
    remember_theme(response, request.POST.get("theme", ""))
    return response


def remember_theme(response: HttpResponse, theme: str) -> None:
    """In a cookie, if there is such a theme."""
    if theme in THEMES:
        response.set_cookie(
            THEME_COOKIE,
            theme,
            max_age=REMEMBERED,
            samesite="Lax",
            httponly=True,
            secure=settings.WEB_HTTPS,
        )


def remember_language(response: HttpResponse, language: str) -> None:
    """In the cookie in which Django looks for it."""
    if language in dict(settings.LANGUAGES):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            language,
            max_age=REMEMBERED,
            samesite="Lax",
            secure=settings.WEB_HTTPS,
        )


def where_from(request: HttpRequest) -> str:
    """The page of ours that the form names, or the overview."""
    wanted = request.POST.get("next", "")
    here = wanted.startswith("/") and url_has_allowed_host_and_scheme(
        wanted, {request.get_host()}, request.is_secure()
    )
    return wanted if here else resolve_url("overview")
