"""A mailing is saved as its page has it: asked once more, then made or changed."""

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
from vestnik.dashboard.mailings.edit.edit_conflicts import tell_rivals
from vestnik.dashboard.mailings.edit.editor import Sheet
from vestnik.dashboard.mailings.edit.preview import previewed
from vestnik.dashboard.mailings.edit.signed_previews import COUNTED, is_proven
from vestnik.dashboard.mailings.edit.window import MADE_ALREADY
from vestnik.dashboard.mailings.state_errors import refusal
from vestnik.dashboard.templatetags.vestnik import instant, number
from vestnik.dashboard.web import autosave
from vestnik.dashboard.web.decorators import OperatorRequest, actor
from vestnik.dashboard.web.form_idempotency import UsedAlready, content_of, once
from vestnik.dashboard.wording.state_labels import MAILING_STATES
from vestnik.dispatch.signals.wakeups import wake_for
from vestnik.mailings.models import (
    BEFORE_THE_START,
    SCHEDULE,
    Mailing,
    MailingState,
    StateConflict,
)
from vestnik.mailings.rules import check_window, database_now

SAVINGS = ("draft", "schedule", "save")


class ChangedMeanwhile(Exception):
    """The mailing is not the one that was agreed to, or that the page showed."""


def save(request: OperatorRequest, sheet: Sheet) -> HttpResponse | None:
    """Save what is written, or ask once more; None where it cannot be, which the form then says."""
    # Both are asked, so that each shows what is wrong with it.
    if not all([sheet.form.is_valid(), sheet.audience.is_valid()]) or not sheet.form.is_confirmed():
        _refuse(sheet)
        return None
    if sheet.mailing and not sheet.is_too_late and tell_rivals(sheet, sheet.mailing):
        _refuse(sheet)
        return None
    confirmation = None
    if sheet.needs_agreement(str(request.POST["do"])) and not _is_made(sheet):
        confirmation = sheet.confirmation()
        if asked := _asked(request, sheet, confirmation):
            return asked
    return _saved(request, sheet, confirmation)


def _refuse(sheet: Sheet) -> None:
    sheet.is_wrong = True
    if sheet.is_too_late and sheet.mailing:
        sheet.form.add_error(None, _too_late(sheet.mailing))


def _is_made(sheet: Sheet) -> bool:
    """Whether this page has made its mailing already: then nobody is asked again."""
    return sheet.mailing is None and sheet.form.made_already() is not None


def _asked(
    request: OperatorRequest, sheet: Sheet, confirmation: Confirmation
) -> HttpResponse | None:
    """The question that is still to be answered; None where it was, about this very mailing."""
    if confirmation.was_agreed(request.POST):
        return None
    counted = str(request.POST.get(COUNTED, ""))
    now: int = confirmation.counted["messages"]
    if counted and not is_proven(counted, confirmation.mailing.filter, now):
        sheet.form.add_error(None, _other_count(now))
        sheet.is_wrong = True
        sheet.preview = previewed(sheet.form, sheet.audience)
        return sheet.show(request)
    return _question(request, sheet, confirmation)


def _question(request: OperatorRequest, sheet: Sheet, confirmation: Confirmation) -> HttpResponse:
    context = {
        "confirmation": confirmation,
        "sheet": sheet,
        "mailing": sheet.mailing,
        "order": request.POST["do"],
        "fields": [pair for pair in autosave.written(request.POST) if _is_written(pair[0])],
        "is_anew": "agreed" in request.POST,
        "section": "mailing-list",
    }
    return render(request, "dashboard/mailings/agree.html", context)


def _is_written(name: str) -> bool:
    return name not in autosave.PASSING


def _saved(
    request: OperatorRequest, sheet: Sheet, confirmation: Confirmation | None
) -> HttpResponse | None:
    try:
        id = _kept(request, sheet, confirmation)
    except ChangedMeanwhile:
        sheet.mailing = Mailing.objects.get(id=sheet.mailing.id) if sheet.mailing else None
        if sheet.mailing and tell_rivals(sheet, sheet.mailing):
            _refuse(sheet)
            return None
        return _question(request, sheet, sheet.confirmation())
    if id is None:
        _refuse(sheet)
        return None
    autosave.finish(request.user, sheet.form.used_token, request.path)
    messages.success(request, _said(Mailing.objects.get(id=id)))
    return redirect("mailing-page", id)


def _kept(request: OperatorRequest, sheet: Sheet, confirmation: Confirmation | None) -> int | None:
    """The id of the mailing that is saved; None where it cannot be, which the form then says."""
    order = str(request.POST["do"])
    try:
        if sheet.mailing is None:
            return _make(request, sheet, order)
        return _change(sheet, order, actor(request), confirmation)
    except StateConflict as conflict:
        sheet.mailing = conflict.mailing
        if _is_done(sheet, order, conflict.mailing):
            return conflict.mailing.id
        if not sheet.is_too_late:
            sheet.form.add_error(None, refusal(conflict.mailing, conflict.wanted))
    except UsedAlready as used:
        sheet.form.ask_again(MADE_ALREADY % {"made": used.made})
    except ValidationError as error:
        sheet.form.add_error(None, error)
    return None


def _is_done(sheet: Sheet, order: str, mailing: Mailing) -> bool:
    """Whether it was sent twice, and the first time has had its way: the mailing has started."""
    return order != "draft" and mailing.state in STARTED and sheet.is_as(mailing)


def _make(request: OperatorRequest, sheet: Sheet, order: str) -> int:
    fields = {**sheet.form.mailing_fields(), "filter": sheet.audience.audience}
    create: Callable[..., Mailing] = (
        Mailing.objects.draft if order == "draft" else Mailing.objects.schedule
    )

    def make() -> int:
        mailing = create(actor=actor(request), **fields)
        wake_for(mailing.id)
        return mailing.id

    id, _is_new = once(sheet.form.used_token, make, content_of(_content(request.POST)))
    return id


def _content(data: QueryDict) -> QueryDict:
    """What is written on the page and what it is to become, without what was shown of it."""
    content = data.copy()
    for name in autosave.PASSING:
        if name != "do":
            content.pop(name, None)
    return content


def _change(sheet: Sheet, order: str, actor: str, confirmation: Confirmation | None) -> int:
    assert sheet.mailing is not None  # noqa: S101  (for the type checker)
    with transaction.atomic():
        mailing = Mailing.objects.select_for_update(no_key=True).get(id=sheet.mailing.id)
        if mailing.state not in BEFORE_THE_START:
            raise StateConflict(mailing, "change")
        if sheet.conflicts(mailing) or not _is_agreed(sheet, mailing, order, confirmation):
            raise ChangedMeanwhile
        changes = sheet.changes()
        window = (changes.get(name, getattr(mailing, name)) for name in ("starts_at", "ends_at"))
        check_window(*window)  # of which another may have changed the other side
        mailing.change(changes, actor=actor)
        if order == "schedule":
            mailing.obey(SCHEDULE, actor=actor)
        wake_for(mailing.id)
    return mailing.id


def _is_agreed(
    sheet: Sheet, mailing: Mailing, order: str, confirmation: Confirmation | None
) -> bool:
    """Whether the row, which is held now, becomes what was agreed to."""
    sheet.mailing = mailing
    if confirmation is None:
        return not sheet.needs_agreement(order)
    return confirmation.is_about(sheet.becomes(mailing))


def started(mailing: Mailing) -> str:
    """Why its page does not open any more."""
    state = MAILING_STATES[mailing.state]
    return _(
        "This mailing cannot be changed any more: it is %(state)s. Copy it to send another one."
    ) % {"state": state}


def _too_late(mailing: Mailing) -> str:
    state = MAILING_STATES[mailing.state]
    return _(
        "This mailing cannot be changed any more: it is %(state)s. "
        "Nothing of what is written here was saved."
    ) % {"state": state}


def _other_count(now: int) -> str:
    return _(
        "The count that stood here was of other conditions, or has changed. "
        "As it is written now, the number of clients is %(count)s: check it and press again."
    ) % {"count": number(now)}


def _said(mailing: Mailing) -> str:
    if mailing.state == MailingState.DRAFT:
        return _("The draft is saved: nothing is sent until you schedule it.")
    if mailing.starts_at <= database_now():
        return _("The mailing starts at once.")
    return format_html(_("The mailing starts by itself: {}."), instant(mailing.starts_at))
