"""Saves a mailing as its page has it, after a confirmation."""

from collections.abc import Callable

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.html import format_html
from django.utils.translation import gettext as _

from vestnik.dashboard.mailings.actions.views import STARTED
from vestnik.dashboard.mailings.edit.confirmation import Confirmation
from vestnik.dashboard.mailings.edit.edit_conflicts import report_conflicts
from vestnik.dashboard.mailings.edit.editor import MailingEditor
from vestnik.dashboard.mailings.edit.preview import build_preview
from vestnik.dashboard.mailings.edit.signed_previews import COUNTED, is_signed
from vestnik.dashboard.mailings.edit.window import ALREADY_CREATED
from vestnik.dashboard.mailings.state_errors import state_error
from vestnik.dashboard.templatetags.vestnik import instant, number
from vestnik.dashboard.web import autosave
from vestnik.dashboard.web.decorators import OperatorRequest, actor
from vestnik.dashboard.web.form_idempotency import TokenAlreadyUsed, canonical_content, create_once
from vestnik.dashboard.wording.state_labels import MAILING_STATES
from vestnik.dispatch.signals.wakeups import wake_for
from vestnik.mailings.models import (
    BEFORE_THE_START,
    SCHEDULE,
    Mailing,
    MailingState,
    StateConflict,
)
from vestnik.mailings.window import check_window, database_now

SAVE_ACTIONS = ("draft", "schedule", "save")


class EditConflict(Exception):
    """Raised when the mailing is not the one that was confirmed, or that the page showed."""


def save(request: OperatorRequest, editor: MailingEditor) -> HttpResponse | None:
    """Save the page, or ask for a confirmation.

    None if it cannot be saved; the form then has the errors.
    """
    # Validate both, so that each shows its problems.
    if (
        not all([editor.form.is_valid(), editor.audience.is_valid()])
        or not editor.form.is_confirmed()
    ):
        _refuse(editor)
        return None
    if editor.mailing and not editor.is_too_late and report_conflicts(editor, editor.mailing):
        _refuse(editor)
        return None
    confirmation = None
    # A page that has created its mailing already is only redirected to it.
    if editor.needs_confirmation(str(request.POST["do"])) and not _is_created(editor):
        confirmation = editor.confirmation()
        if question := _confirm(request, editor, confirmation):
            return question
    return _save_and_redirect(request, editor, confirmation)


def _refuse(editor: MailingEditor) -> None:
    editor.is_wrong = True
    if editor.is_too_late and editor.mailing:
        editor.form.add_error(None, _too_late_text(editor.mailing))


def _is_created(editor: MailingEditor) -> bool:
    """Return whether this page has created its mailing, so that no confirmation is needed."""
    return editor.mailing is None and editor.form.created_id() is not None


def _confirm(
    request: OperatorRequest, editor: MailingEditor, confirmation: Confirmation
) -> HttpResponse | None:
    """Return the confirmation page; None if this mailing was confirmed."""
    if confirmation.is_confirmed(request.POST):
        return None
    counted = str(request.POST.get(COUNTED, ""))
    now: int = confirmation.counted["messages"]
    if counted and not is_signed(counted, confirmation.mailing.filter, now):
        editor.form.add_error(None, _count_changed_text(now))
        editor.is_wrong = True
        editor.preview = build_preview(editor.form, editor.audience)
        return editor.show(request)
    return _show_confirmation(request, editor, confirmation)


def _show_confirmation(
    request: OperatorRequest, editor: MailingEditor, confirmation: Confirmation
) -> HttpResponse:
    context = {
        "confirmation": confirmation,
        "editor": editor,
        "mailing": editor.mailing,
        "action": request.POST["do"],
        "fields": [
            pair for pair in autosave.field_pairs(request.POST) if _is_submitted_field(pair[0])
        ],
        "is_anew": "agreed" in request.POST,
        "section": "mailing-list",
    }
    return render(request, "dashboard/mailings/confirmation_page.html", context)


def _is_submitted_field(name: str) -> bool:
    return name not in autosave.TRANSIENT_FIELDS


def _save_and_redirect(
    request: OperatorRequest, editor: MailingEditor, confirmation: Confirmation | None
) -> HttpResponse | None:
    try:
        id = _store(request, editor, confirmation)
    except EditConflict:
        editor.mailing = Mailing.objects.get(id=editor.mailing.id) if editor.mailing else None
        if editor.mailing and report_conflicts(editor, editor.mailing):
            _refuse(editor)
            return None
        return _show_confirmation(request, editor, editor.confirmation())
    if id is None:
        _refuse(editor)
        return None
    autosave.finish(request.user, editor.form.submitted_token, request.path)
    messages.success(request, _success_text(Mailing.objects.get(id=id)))
    return redirect("mailing-page", id)


def _store(
    request: OperatorRequest, editor: MailingEditor, confirmation: Confirmation | None
) -> int | None:
    """Save and return the mailing's id; None if it cannot be saved, and the form has the errors."""
    action = str(request.POST["do"])
    try:
        if editor.mailing is None:
            return _create(request, editor, action)
        return _change(editor, editor.mailing.id, action, actor(request), confirmation)
    except StateConflict as conflict:
        editor.mailing = conflict.mailing
        if _is_repeated(editor, action, conflict.mailing):
            return conflict.mailing.id
        if not editor.is_too_late:
            editor.form.add_error(None, state_error(conflict.mailing, conflict.wanted))
    except TokenAlreadyUsed as used:
        editor.form.require_resubmission(ALREADY_CREATED % {"made": used.created_id})
    except ValidationError as error:
        editor.form.add_error(None, error)
    return None


def _is_repeated(editor: MailingEditor, action: str, mailing: Mailing) -> bool:
    """Return whether the page was submitted twice, and the mailing has started since."""
    return action != "draft" and mailing.state in STARTED and editor.matches(mailing)


def _create(request: OperatorRequest, editor: MailingEditor, action: str) -> int:
    fields = {**editor.form.mailing_fields(), "filter": editor.audience.audience}
    create: Callable[..., Mailing] = (
        Mailing.objects.draft if action == "draft" else Mailing.objects.schedule
    )

    def make() -> int:
        mailing = create(actor=actor(request), **fields)
        wake_for(mailing.id)
        return mailing.id

    id, _is_new = create_once(
        editor.form.submitted_token, make, canonical_content(_content(request.POST))
    )
    return id


def _content(data: QueryDict) -> QueryDict:
    """Return the fields of the page and its action, without what was only shown."""
    content = data.copy()
    for name in autosave.TRANSIENT_FIELDS:
        if name != "do":
            content.pop(name, None)
    return content


def _change(
    editor: MailingEditor, id: int, action: str, actor: str, confirmation: Confirmation | None
) -> int:
    with transaction.atomic():
        mailing = Mailing.objects.select_for_update(no_key=True).get(id=id)
        if mailing.state not in BEFORE_THE_START:
            raise StateConflict(mailing, "change")
        if editor.conflicts(mailing) or not _is_confirmed(editor, mailing, action, confirmation):
            raise EditConflict
        changes = editor.changes()
        window = (changes.get(name, getattr(mailing, name)) for name in ("starts_at", "ends_at"))
        check_window(*window)  # another user may have changed the other end
        mailing.change(changes, actor=actor)
        if action == "schedule":
            mailing.apply(SCHEDULE, actor=actor)
        wake_for(mailing.id)
    return mailing.id


def _is_confirmed(
    editor: MailingEditor, mailing: Mailing, action: str, confirmation: Confirmation | None
) -> bool:
    """Return whether the locked row becomes what was confirmed."""
    editor.mailing = mailing
    if confirmation is None:
        return not editor.needs_confirmation(action)
    return confirmation.is_about(editor.preview_mailing(mailing))


def started_text(mailing: Mailing) -> str:
    """Return why the page of a mailing cannot be opened any more."""
    state = MAILING_STATES[mailing.state]
    return _(
        "This mailing cannot be changed any more: it is %(state)s. Copy it to send another one."
    ) % {"state": state}


def _too_late_text(mailing: Mailing) -> str:
    state = MAILING_STATES[mailing.state]
    return _(
        "This mailing cannot be changed any more: it is %(state)s. Your changes were not saved."
    ) % {"state": state}


def _count_changed_text(now: int) -> str:
    return _(
        "The number of clients has changed, or was counted for other conditions. It is %(count)s "
        "now: check it and press again."
    ) % {"count": number(now)}


def _success_text(mailing: Mailing) -> str:
    if mailing.state == MailingState.DRAFT:
        return _("The draft is saved: nothing is sent until you schedule it.")
    if mailing.starts_at <= database_now():
        return _("The mailing starts at once.")
    return format_html(_("The mailing starts by itself: {}."), instant(mailing.starts_at))
