"""Users and their roles."""

from typing import Any

from django.contrib import messages
from django.db.models import Count, Q
from django.db.models.functions import Now
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from vestnik.access import users as access
from vestnik.access.models import User
from vestnik.access.roles import Action, Role
from vestnik.dashboard.settings.tabs import show
from vestnik.dashboard.settings.user_forms import NewUserForm, OtherPasswordForm, RoleForm
from vestnik.dashboard.web import autosave
from vestnik.dashboard.web.decorators import OperatorRequest, actor, page
from vestnik.dashboard.web.form_idempotency import (
    ALREADY_SUBMITTED,
    TokenAlreadyUsed,
    create_once,
    new_token,
)
from vestnik.dashboard.web.kept_forms import clear_restored_errors, submitted_or_restored
from vestnik.dashboard.wording.bidi import isolate

TAB = "users"
SET_BEFORE = gettext_lazy(
    "The password of %(user)s was set by the first click, and was shown then if it was "
    "generated. If you have not seen it, set another one below."
)
POST_ONLY = ("POST",)


@page(Action.MANAGE)
def users(request: OperatorRequest) -> HttpResponse:
    """List all users."""
    live = Count("sessions", filter=Q(sessions__expire_date__gt=Now()))
    listed = User.objects.annotate(live=live).order_by("-is_active", "username")
    return show(request, TAB, "users", {"users": listed})


@sensitive_post_parameters()
@sensitive_variables()
@page(Action.MANAGE, keeps=True)
def add_user(request: OperatorRequest) -> HttpResponse:
    """Add a user; a generated password is shown once."""
    initial = {"role": Role.OPERATOR, "token": new_token()}
    form = NewUserForm(submitted_or_restored(request), initial=initial)
    clear_restored_errors(request, form)
    if request.method == "POST" and (answer := _create_and_redirect(request, form)):
        return answer
    return show(request, TAB, "add_user", {"form": form})


@sensitive_variables()
def _create_and_redirect(request: OperatorRequest, form: NewUserForm) -> HttpResponse | None:
    """Add the user; return None if the form has to be shown again with its errors."""
    if not form.is_valid():
        user = _of_the_first_click(form)
        return _added_before(request, user) if user else None
    cleaned = form.cleaned_data
    typed, name = cleaned["password"], cleaned["username"]
    password = typed or access.new_password()

    def make() -> int:
        return access.add(name, cleaned["role"], password, actor=actor(request)).pk

    try:
        # The name is the content: a repeated submission with another password finds the same user.
        id, is_new = create_once(form.submitted_token, make, name)
    except TokenAlreadyUsed:
        form.require_resubmission(str(ALREADY_SUBMITTED))
        return None
    user = get_object_or_404(User, pk=id)
    if not is_new:
        return _added_before(request, user)
    autosave.finish(request.user, form.submitted_token, request.path)
    return _success(request, user, "" if typed else password)


def _of_the_first_click(form: NewUserForm) -> User | None:
    """Return the user that this page has added, if the name is taken by that user."""
    user = User.objects.filter(pk=form.created_id() or 0).first()
    same = user and user.username.casefold() == form.data.get("username", "").strip().casefold()
    return user if same else None


def _added_before(request: OperatorRequest, user: User) -> HttpResponse:
    warning = _(
        "%(user)s was added by the first click. If you have not seen the password, set another "
        "one here."
    )
    messages.warning(request, warning % {"user": isolate(user.username)})
    return redirect("user-page", user.pk)


@page(Action.MANAGE)
def user_page(request: OperatorRequest, user_id: int) -> HttpResponse:
    """Show one user."""
    return _shown(request, get_object_or_404(User, pk=user_id))


@page(Action.MANAGE, methods=POST_ONLY, home="user-page")
def change_role(request: OperatorRequest, user_id: int) -> HttpResponse:
    """Change the role of a user."""
    user = get_object_or_404(User, pk=user_id)
    form = RoleForm(request.POST)
    if not form.is_valid():
        return _shown(request, user, role_form=form)
    try:
        access.set_role(user, form.cleaned_data["role"], actor=actor(request))
    except access.LastAdmin:
        return _last_admin(request, user)
    return _done(request, user, _("The role of %(user)s is changed."))


@sensitive_post_parameters()
@sensitive_variables()
@page(Action.MANAGE, methods=POST_ONLY, home="user-page")
def set_password(request: OperatorRequest, user_id: int) -> HttpResponse:
    """Set a new password, once even if the page that shows it is reloaded."""
    user = get_object_or_404(User, pk=user_id)
    form = OtherPasswordForm(request.POST, user=user)
    if not form.is_valid():
        return _shown(request, user, password_form=form)
    typed = form.cleaned_data["password"]
    password = typed or access.new_password()

    def make() -> int:
        access.set_password(user, password, actor=actor(request))
        return user.pk

    _id, is_new = create_once(form.submitted_token, make)
    if not is_new:
        messages.warning(request, SET_BEFORE % {"user": user.username})
        return redirect("user-page", user.pk)
    return _success(request, user, "" if typed else password)


@page(Action.MANAGE, methods=POST_ONLY, home="user-page")
def deactivate(request: OperatorRequest, user_id: int) -> HttpResponse:
    """Block a user."""
    user = get_object_or_404(User, pk=user_id)
    try:
        access.deactivate(user, actor=actor(request))
    except access.LastAdmin:
        return _last_admin(request, user)
    return _done(request, user, _("%(user)s cannot log in any more."))


@page(Action.MANAGE, methods=POST_ONLY, home="user-page")
def activate(request: OperatorRequest, user_id: int) -> HttpResponse:
    """Unblock a user."""
    user = get_object_or_404(User, pk=user_id)
    access.activate(user, actor=actor(request))
    return _done(request, user, _("%(user)s can log in again."))


def _shown(request: OperatorRequest, user: User, **forms: Any) -> HttpResponse:
    context = {
        "person": user,
        "role_form": RoleForm(initial={"role": user.role}),
        "password_form": OtherPasswordForm(initial={"token": new_token()}),
        "is_self": user.pk == request.user.pk,
        **forms,
    }
    return show(request, TAB, "user", context)


@sensitive_variables()
def _success(request: OperatorRequest, user: User, made: str) -> HttpResponse:
    """Show a generated password once; a typed one is not shown."""
    if made:
        return show(request, TAB, "password_made", {"person": user, "plain": made})
    return _done(request, user, _("%(user)s can log in with the password that you typed."))


def _done(request: OperatorRequest, user: User, text: str) -> HttpResponse:
    messages.success(request, text % {"user": isolate(user.username)})
    return redirect(TAB)


def _last_admin(request: OperatorRequest, user: User) -> HttpResponse:
    text = _("%(user)s is the last admin: make another user an admin first.")
    messages.error(request, text % {"user": isolate(user.username)})
    return redirect("user-page", user.pk)
