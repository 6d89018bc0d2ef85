"""Preferences of a browser: the theme. The language uses Django's own `set_language`."""

from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.http import url_has_allowed_host_and_scheme

from vestnik.dashboard.web.context_processors import THEME_COOKIE, THEMES

REMEMBERED = timedelta(days=365)


def set_theme(request: HttpRequest) -> HttpResponse:
    """Store the theme, and return to the page that the form names."""
    response = HttpResponseRedirect(where_from(request))
    remember_theme(response, request.POST.get("theme", ""))
    return response


def remember_theme(response: HttpResponse, theme: str) -> None:
    """Store the theme in a cookie, if it exists."""
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
    """Store the language in Django's cookie."""
    if language in dict(settings.LANGUAGES):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            language,
            max_age=REMEMBERED,
            samesite="Lax",
            secure=settings.WEB_HTTPS,
        )


def where_from(request: HttpRequest) -> str:
    """Return the local page that the form names, or the overview."""
    target = request.POST.get("next", "")
    # Only local addresses, so that the form cannot be used as an open redirect.
    here = target.startswith("/") and url_has_allowed_host_and_scheme(
        target, {request.get_host()}, request.is_secure()
    )
    return target if here else resolve_url("overview")
