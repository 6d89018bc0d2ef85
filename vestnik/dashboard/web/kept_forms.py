"""Pages with an autosaved form: when they are opened again, the form is restored.

@page(Action.SEND, keeps=True)
def client_add(request): ...
    form = ClientForm(submitted_or_restored(request))  # submitted or restored, else None
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
    """Answer a request to an autosaved page."""
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
    if answer.status_code == 302:  # saved, or its object is gone
        autosave.finish(request.user, token, request.path)
    return answer


def submitted_or_restored(request: Any) -> QueryDict | None:
    """Return the submitted or the restored content; None on a new page."""
    if request.method == "POST":
        data: QueryDict = request.POST
        return data
    return autosave.data_of(request.restored) if request.restored else None


def clear_restored_errors(request: Any, form: forms.BaseForm) -> None:
    """Remove the errors of a restored form, which was not submitted."""
    if request.method != "POST" and request.restored:
        form.is_valid()  # valid fields may be counted
        form._errors = ErrorDict()  # type: ignore[attr-defined]  # as Django has it


def _autosave_status(request: Any, token: uuid.UUID | None) -> int:
    """Return the status of an autosave: 409 if the form is finished, 413 if it is too large.

    The page tells the user about both, since the content would be lost with the page.
    """
    if token and _autosave(request, token):
        return 204
    return 413 if autosave.is_too_large(autosave.field_pairs(request.POST)) else 409


def _autosave(request: Any, token: uuid.UUID) -> bool:
    fields = autosave.field_pairs(request.POST)
    return autosave.save(request.user, token, request.path, fields)


def _find_unsaved(request: Any) -> UnsavedForm | None:
    """Return the unsaved form that the URL names; add a message if it was saved since."""
    token = request.GET.get(autosave.PARAMETER, "")
    unsaved = autosave.find(request.user, token, request.path) if token else None
    if unsaved is not None and unsaved.fields is None:
        messages.info(request, _("The input of this page has been saved or discarded."))
        return None
    return unsaved
