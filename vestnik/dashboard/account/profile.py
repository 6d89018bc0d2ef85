"""The page `account`: the user's name, preferences, password and sessions."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters

from vestnik.access.sessions import Session
from vestnik.dashboard.account.preferences import PreferencesForm
from vestnik.dashboard.account.user_agents import describe
from vestnik.dashboard.web.context_processors import theme_of
from vestnik.dashboard.web.decorators import ANY, OperatorRequest, page
from vestnik.dashboard.web.kept_forms import clear_restored_errors, submitted_or_restored

POST_ONLY = ("POST",)


@page(methods=ANY, keeps=True)
def account(request: OperatorRequest) -> HttpResponse:
    """Show the account page; a POST saves the preferences."""
    if request.method != "POST":
        return _shown(request)
    form = PreferencesForm(request.POST, instance=request.user)
    if not form.is_valid():
        return _shown(request, preferences=form)
    form.save()
    with translation.override(form.cleaned_data["language"]):
        messages.success(request, _("Saved."))
    return form.remember(redirect("account"))


@sensitive_post_parameters()
@page(methods=POST_ONLY, home="account")
def change_password(request: OperatorRequest) -> HttpResponse:
    """Change the user's own password, which ends all other sessions."""
    form = PasswordChangeForm(request.user, request.POST)
    if not form.is_valid():
        return _shown(request, password=form)
    form.save()
    update_session_auth_hash(request, request.user)
    ended = _end_others(request)
    messages.success(request, _("The password is changed.") + " " + _ended_text(ended))
    return redirect("account")


@page(methods=POST_ONLY, home="account")
def end_session(request: OperatorRequest, mark: str) -> HttpResponse:
    """End one of the user's own sessions."""
    for session in Session.objects.of(request.user.pk):
        if session.mark == mark:
            session.delete()
            messages.success(request, _ended_text(1))
    return redirect("account")


@page(methods=POST_ONLY, home="account")
def end_other_sessions(request: OperatorRequest) -> HttpResponse:
    """End all of the user's own sessions except this one."""
    messages.success(request, _ended_text(_end_others(request)))
    return redirect("account")


def _end_others(request: OperatorRequest) -> int:
    return Session.objects.end(request.user.pk, but=request.session.session_key)


def _ended_text(count: int) -> str:
    text = ngettext("%(count)s session has ended.", "%(count)s sessions have ended.", count)
    return text % {"count": count}


def _shown(request: OperatorRequest, **forms: Any) -> HttpResponse:
    context = {
        "preferences": _preferences(request),
        "password": PasswordChangeForm(request.user),
        "sessions": _sessions(request),
        **forms,
    }
    # Django focuses this field, which would scroll the page down.
    context["password"].fields["old_password"].widget.attrs.pop("autofocus", None)
    return render(request, "dashboard/account/profile.html", context)


def _preferences(request: OperatorRequest) -> PreferencesForm:
    chosen = {"language": translation.get_language(), "theme": theme_of(request)}
    restored = submitted_or_restored(request) if request.restored else None
    if restored is not None:
        for name, value in chosen.items():  # the footer of a page can change them, too
            restored[name] = value
    form = PreferencesForm(restored, instance=request.user, initial=chosen)
    clear_restored_errors(request, form)
    return form


def _sessions(request: OperatorRequest) -> list[dict[str, Any]]:
    own = request.session.session_key
    return [
        {
            "mark": session.mark,
            "browser": describe(session.agent),
            "address": session.address,
            "started_at": session.started_at,
            "last_seen_at": session.last_seen_at,
            "is_this": session.session_key == own,
        }
        for session in Session.objects.of(request.user.pk)
    ]
