"""Logging in and out, and being locked out."""

import math
from typing import Any

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from vestnik.access import lockout

TOO_MANY_REQUESTS = 429


class Login(LoginView):
    """The one page that is open to everybody."""

    template_name = "dashboard/login.html"
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if lockout.is_too_busy(request):
            return locked_out(request)
        return super().post(request, *args, **kwargs)


def locked_out(request: HttpRequest, *_: Any, **__: Any) -> HttpResponse:
    """Says for how long, and what to do meanwhile. Also the answer to Django's admin's login."""
    wait = lockout.open_again(request, lockout.tried_name(request, None).replace("\0", ""))
    response = render(
        request,
        "dashboard/locked_out.html",
        {"minutes": math.ceil(wait.total_seconds() / 60)},
        status=TOO_MANY_REQUESTS,
    )
    response["Retry-After"] = str(math.ceil(wait.total_seconds()))
    return response


def admin_login(request: HttpRequest) -> HttpResponse:
    """The login of Django's admin, with the same limits."""
    if request.method == "POST" and lockout.is_too_busy(request):
        return locked_out(request)
    return admin.site.login(request)


login = Login.as_view()
logout = LogoutView.as_view()
