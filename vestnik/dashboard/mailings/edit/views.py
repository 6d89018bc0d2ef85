"""The pages that create a mailing and change one before its start."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse

from vestnik.access.roles import Action
from vestnik.audience.models import SavedAudience
from vestnik.dashboard.audience_builder.builder import AudienceForm
from vestnik.dashboard.mailings.edit import forms
from vestnik.dashboard.mailings.edit.editor import MailingEditor, marks_of
from vestnik.dashboard.mailings.edit.forms import MailingForm
from vestnik.dashboard.mailings.edit.preview import build_preview
from vestnik.dashboard.mailings.edit.saving import SAVE_ACTIONS, save, started_text
from vestnik.dashboard.mailings.edit.test_send import TestSend
from vestnik.dashboard.models import UnsavedForm
from vestnik.dashboard.web import autosave, dirty_fields
from vestnik.dashboard.web.decorators import OperatorRequest, actor, is_htmx, page
from vestnik.mailings.models import BEFORE_THE_START, Mailing


@page(Action.SEND, keeps=True)
def new_mailing(request: OperatorRequest) -> HttpResponse:
    """Create a mailing.

    The page begins empty, as a copy (`?copy=`), with a saved audience (`?audience=`), or with
    unsaved input (`?unsaved=`).
    """
    if request.method == "POST":
        return _answer(request, None)
    if request.restored:
        return _restored(request, request.restored, None)
    editor = _beginning(request)
    editor.unfinished = autosave.unfinished(request.user, request.path)
    return editor.show(request)


@page(Action.SEND, keeps=True)
def edit_mailing(request: OperatorRequest, id: int) -> HttpResponse:
    """Change a draft or a scheduled mailing."""
    mailing = get_object_or_404(Mailing, id=id)
    if request.method == "POST":
        return _answer(request, mailing)  # also if it is too late, to keep the input
    if mailing.state not in BEFORE_THE_START:
        messages.warning(request, started_text(mailing))
        return redirect("mailing-page", mailing.id)
    if request.restored:
        return _restored(request, request.restored, mailing)
    form, audience = MailingForm(initial=forms.of(mailing), mailing=mailing), mailing.filter
    editor = MailingEditor(
        form, AudienceForm.from_filter(audience), mailing, marks=marks_of(mailing)
    )
    editor.unfinished = autosave.unfinished(request.user, request.path)
    return editor.show(request)


@page(Action.SEND)
def copy_mailing(request: OperatorRequest, id: int) -> HttpResponse:
    """Redirect to a new mailing with the fields of this one."""
    get_object_or_404(Mailing, id=id)
    return redirect(f"{reverse('new-mailing')}?copy={id}")


def _beginning(request: OperatorRequest) -> MailingEditor:
    copy = _named(request, "copy", Mailing)
    saved = _named(request, "audience", SavedAudience)
    initial = forms.copied(copy) if copy else forms.empty()
    audience = (copy.filter if copy else {}) if saved is None else saved.filter
    return MailingEditor(MailingForm(initial=initial), AudienceForm.from_filter(audience))


def _restored(request: OperatorRequest, kept: UnsavedForm, mailing: Mailing | None) -> HttpResponse:
    editor = MailingEditor.unvalidated(autosave.data_of(kept), mailing)
    editor.restored = kept
    return editor.show(request)


def _answer(request: OperatorRequest, mailing: Mailing | None) -> HttpResponse:
    """Handle the button that was pressed."""
    if request.POST.get("do") == "back":
        return MailingEditor.unvalidated(request.POST, mailing).show(request)
    return _checked(request, mailing)


def _checked(request: OperatorRequest, mailing: Mailing | None) -> HttpResponse:
    data = request.POST
    if changed := AudienceForm.changed(data):
        editor = MailingEditor.unvalidated(data, mailing)
        editor.audience = changed
        return editor.show(request)
    initial = forms.empty() if mailing is None else forms.of(mailing)
    form = MailingForm(data, initial=initial, mailing=mailing)
    marks = data.get(dirty_fields.FIELD) or (marks_of(mailing) if mailing else "")
    editor = MailingEditor(form, AudienceForm.submitted(data), mailing, marks=marks)
    if "test" in data:
        editor.test_send = TestSend.send(editor.form, editor.audience, data, actor(request))
        if is_htmx(request):
            return editor.show(request)  # the script uses only the result of the test
    elif data.get("do") in SAVE_ACTIONS and (saved := save(request, editor)):
        return saved
    editor.preview = build_preview(editor.form, editor.audience)
    return editor.show(request)


def _named(request: OperatorRequest, parameter: str, model: Any) -> Any:
    """Return the row that a URL parameter names; None if the parameter is missing.

    A deleted row is a 404: without it the mailing would select everyone.
    """
    id = request.GET.get(parameter)
    if id is None:
        return None
    if not (id.isascii() and id.isdigit() and len(id) < 19):
        raise Http404
    return get_object_or_404(model, id=id)
