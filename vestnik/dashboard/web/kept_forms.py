"""Pages that autosave their form: whatever opens them again is filled from the saved input.

@page(Action.SEND, keeps=True)
def client_add(request): ...
    form = ClientForm(submitted_or_restored(request))  # what was sent or kept; else None
    if request.method == "POST" and form.is_valid(): ...
    clear_restored_errors(request, form)               # restored input is not validated

Its form has `{% include "components/autosave.html" %}` in its tag, and a token.
"""

import uuid
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.forms.utils import ErrorDict
from django.http import HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from vestnik.dashboard.models import UnsavedForm
from vestnik.dashboard.web import autosave
from vestnik.dashboard.web.form_idempotency import read_token

AUTOSAVE, DISCARD = "autosave", "discard"


def respond_with_autosave(request: Any, view: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    """The answer of a page that keeps what is written on it, whatever becomes of it now."""
    if request.method != "POST":
        request.restored = _find_unsaved(request)
        return view()
    token = read_token(request.POST)
    if request.POST.get("do") == AUTOSAVE:
        return HttpResponse(status=_autosave_status(request, token))
    if token is None:
        return view()
    if request.POST.get("do") == DISCARD:
        autosave.finish(request.user, token, request.path)
        return redirect(request.path)
    if request.headers.get("HX-Request") != "true" and _autosave(request, token):
        request.kept_at = autosave.address_of(request.path, token)
    answer = view()
    if answer.status_code == 302:  # it was saved, or there is nothing left to be saved to
        autosave.finish(request.user, token, request.path)
    return answer


def submitted_or_restored(request: Any) -> QueryDict | None:
    """What was sent, or what was kept of the page before; None on a new page."""
    if request.method == "POST":
        sent: QueryDict = request.POST
        return sent
    return autosave.data_of(request.restored) if request.restored else None


def clear_restored_errors(request: Any, form: forms.BaseForm) -> None:
    """What was kept is shown without a word about what is wrong: it was not sent."""
    if request.method != "POST" and request.restored:
        form.is_valid()  # what can be read of it may be counted
        form._errors = ErrorDict()  # type: ignore[attr-defined]  # as Django has it


def _autosave_status(request: Any, token: uuid.UUID | None) -> int:
    """409 where the form was saved or discarded elsewhere, 413 where it is too large to be kept:
    the page says so, for it is lost with the page."""
    if token and _autosave(request, token):
        return 204
    return 413 if autosave.is_too_large(autosave.field_pairs(request.POST)) else 409


def _autosave(request: Any, token: uuid.UUID) -> bool:
    fields = autosave.field_pairs(request.POST)
    return autosave.save(request.user, token, request.path, fields)


def _find_unsaved(request: Any) -> UnsavedForm | None:
    """What the address says was written before; says so where it was saved since."""
    token = request.GET.get(autosave.PARAMETER, "")
    unsaved = autosave.find(request.user, token, request.path) if token else None
    if unsaved is not None and unsaved.fields is None:
        messages.info(request, _("What was written on this page is saved or discarded by now."))
        return None
    return unsaved
