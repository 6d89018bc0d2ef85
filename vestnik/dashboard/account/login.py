"""Login, logout and lock-out.

A form that is submitted after its session has ended is restored after the login. If a part of it
was autosaved, its owner is known: it is restored for that user only, and another user of the same
computer gets an empty page. Otherwise the login page carries it in a hidden field.
"""

import json
import math
from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from vestnik.access import lockout
from vestnik.access.models import User
from vestnik.dashboard.web import autosave

TOO_MANY_REQUESTS = 429
#: The hidden field of the login page with a form that was submitted without a session.
CARRIED = "carried"


class Login(LoginView):
    """The login page, the only page that needs no session."""

    template_name = "dashboard/login.html"
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if lockout.is_too_busy(request):
            return locked_out(request)
        return super().post(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(carried=self.request.POST.get(CARRIED, ""), **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_valid(form)
        page, fields = self.request.POST.get("next", ""), _carried(self.request)
        user = form.get_user()
        # Only for a page that restores its input; the fields come from a hidden field of the login.
        if fields and autosave.is_autosaved(page) and isinstance(user, User):
            return redirect(autosave.save_before_login(user, page, fields))
        return response


def carry_unsaved(request: HttpRequest) -> HttpResponse:
    """Answer a form without a session with the login page; its content is restored afterwards."""
    pairs = [
        pair
        for pair in autosave.field_pairs(request.POST)
        if pair[0] not in autosave.TRANSIENT_FIELDS
    ]
    owner = autosave.owner_of(pairs)
    page = autosave.save_before_login(owner, request.path, pairs) if owner else request.path
    context = {
        "form": AuthenticationForm(request),
        "next": page,
        "carried": "" if owner else json.dumps(pairs),
        "is_kept": owner is None or page != request.path,
    }
    return render(request, "dashboard/login.html", context, status=401)


def _carried(request: HttpRequest) -> Sequence[tuple[str, str]]:
    try:
        pairs = json.loads(request.POST.get(CARRIED, "") or "[]")
        return [(str(name), str(value)) for name, value in pairs]
    except (ValueError, TypeError, RecursionError):
        return []


def locked_out(request: HttpRequest, *_: Any, **__: Any) -> HttpResponse:
    """Say how long the lock-out lasts, and what to do; also used by Django's admin."""
    wait = lockout.open_again(request, lockout.attempted_name(request, None).replace("\0", ""))
    response = render(
        request,
        "dashboard/locked_out.html",
        {"minutes": math.ceil(wait.total_seconds() / 60)},
        status=TOO_MANY_REQUESTS,
    )
    response["Retry-After"] = str(math.ceil(wait.total_seconds()))
    return response


def admin_login(request: HttpRequest) -> HttpResponse:
    """Answer the login of Django's admin, with the same limits."""
    if request.method == "POST" and lockout.is_too_busy(request):
        return locked_out(request)
    return admin.site.login(request)


login = Login.as_view()
logout = LogoutView.as_view()
