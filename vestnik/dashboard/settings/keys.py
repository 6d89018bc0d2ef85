"""API keys: issued, shown once, revoked."""

import structlog
from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from vestnik.access.models import ApiKey
from vestnik.access.roles import Action, Role
from vestnik.dashboard.settings.tabs import show
from vestnik.dashboard.web import autosave
from vestnik.dashboard.web.decorators import OperatorRequest, actor, page
from vestnik.dashboard.web.form_idempotency import (
    ALREADY_SUBMITTED,
    IdempotentForm,
    TokenAlreadyUsed,
    canonical_content,
    create_once,
    new_token,
)
from vestnik.dashboard.web.kept_forms import clear_restored_errors, submitted_or_restored
from vestnik.dashboard.wording.bidi import isolate
from vestnik.dashboard.wording.state_labels import ROLES

log = structlog.get_logger(__name__)

TAB = "api-keys"
#: The number of revoked keys that are listed; all of them are stored.
REVOKED_SHOWN = 20
ISSUED = ("name", "role")
ALREADY_SHOWN = gettext_lazy(
    "The key %(key)s was created by the first click and was shown then. If you have not seen it, "
    "revoke it and create another one."
)


class KeyForm(IdempotentForm, forms.ModelForm):
    """The purpose and the role of a key."""

    name = forms.CharField(label=gettext_lazy("Purpose"), max_length=100)
    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=list(ROLES.items()))

    class Meta:
        model = ApiKey
        fields = ("name", "role")


@page(Action.MANAGE, keeps=True)
def api_keys(request: OperatorRequest) -> HttpResponse:
    """List the keys; a POST issues one, which is shown once."""
    if request.method != "POST":
        initial = {"role": Role.OPERATOR, "token": new_token()}
        empty = KeyForm(submitted_or_restored(request), initial=initial)
        clear_restored_errors(request, empty)
        return _listed(request, empty)
    form = KeyForm(request.POST)
    if not form.is_valid():
        return _listed(request, form)
    plain = ""

    def make() -> int:
        nonlocal plain
        key, plain = ApiKey.objects.issue(**{name: form.cleaned_data[name] for name in ISSUED})
        log.info("key issued", key=key.pk, role=key.role, actor=actor(request))
        return key.pk

    try:
        id, is_new = create_once(form.submitted_token, make, canonical_content(request.POST))
    except TokenAlreadyUsed:
        form.require_resubmission(str(ALREADY_SUBMITTED))
        return _listed(request, form)
    key = get_object_or_404(ApiKey, pk=id)
    if is_new:
        autosave.finish(request.user, form.submitted_token, request.path)
        return show(request, TAB, "key_made", {"key": key, "plain": plain})
    messages.warning(request, ALREADY_SHOWN % {"key": isolate(key)})
    return redirect(TAB)


@page(Action.MANAGE)
def revoke_key(request: OperatorRequest, key_id: int) -> HttpResponse:
    """GET shows what revoking does, POST does it."""
    key = get_object_or_404(ApiKey, pk=key_id)
    if request.method != "POST":
        return show(request, TAB, "revoke_key", {"key": key})
    if key.revoke():
        log.info("key revoked", key=key.pk, actor=actor(request))
    messages.success(request, _("The key %(key)s is revoked.") % {"key": isolate(key)})
    return redirect(TAB)


def _listed(request: OperatorRequest, form: KeyForm) -> HttpResponse:
    keys = ApiKey.objects.order_by("-id")
    return show(
        request,
        TAB,
        "keys",
        {
            "form": form,
            "keys": keys.filter(revoked_at=None),
            "revoked": keys.exclude(revoked_at=None)[:REVOKED_SHOWN],
        },
    )
