"""The actions on a mailing, each with a page that shows its impact first.

The page opens in a dialog if JavaScript is available.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from vestnik.access.roles import Action
from vestnik.dashboard.mailings.actions.confirmed_state import (
    FIELD,
    ConfirmedState,
    state_before_cancelling,
    state_before_scheduling,
)
from vestnik.dashboard.mailings.actions.impact import impact_of
from vestnik.dashboard.mailings.edit.confirmation import Confirmation, SignedConfirmation
from vestnik.dashboard.mailings.lookups import mailing_or_404, progress_for
from vestnik.dashboard.mailings.state_errors import back_to, redirect_refused
from vestnik.dashboard.web.decorators import OperatorRequest, actor, is_htmx, page
from vestnik.dispatch.prepare.recipients import select_recipients
from vestnik.dispatch.signals.wakeups import wake_for
from vestnik.mailings.models import (
    BEFORE_THE_START,
    CANCEL,
    PAUSE,
    RESUME,
    SCHEDULE,
    UNDER_WAY,
    Mailing,
    MailingState,
    Transition,
)
from vestnik.mailings.rules import check_ready
from vestnik.reports.mailing.resuming import clients_at_night

STARTED = (*UNDER_WAY, MailingState.FINISHED)


@dataclass(frozen=True)
class MailingAction:
    """An action: its button, its confirmation, its transition, its success message."""

    transition: Transition
    button: Promise
    title: Promise
    confirm: Promise
    done: Promise
    danger: bool = False

    @property
    def name(self) -> str:
        return self.transition.name

    @property
    def url_name(self) -> str:
        return f"{self.name}-mailing"

    def is_fulfilled(self, mailing: Mailing) -> bool:
        """Return whether the mailing is already in the wanted state, so that a second click is no
        error.

        A mailing that was scheduled may have started and finished since.
        """
        if self.transition is SCHEDULE and mailing.state in STARTED:
            return True
        return mailing.state == self.transition.target


ACTIONS: Mapping[str, MailingAction] = {
    action.name: action
    for action in (
        MailingAction(
            SCHEDULE,
            pgettext_lazy("order", "Schedule"),
            _("Schedule the mailing?"),
            _("Schedule the mailing"),
            _("The mailing is scheduled."),
        ),
        MailingAction(
            PAUSE,
            pgettext_lazy("order", "Pause"),
            _("Pause the mailing?"),
            _("Pause the mailing"),
            _("The mailing is paused. Messages that are being handed over still go out."),
        ),
        MailingAction(
            RESUME,
            pgettext_lazy("order", "Resume"),
            _("Resume the mailing?"),
            _("Resume the mailing"),
            _("The mailing is running again."),
        ),
        MailingAction(
            CANCEL,
            pgettext_lazy("order", "Cancel"),
            _("Cancel the mailing for good?"),
            _("Cancel the mailing"),
            _("The mailing is cancelled. Messages that are being handed over still go out."),
            danger=True,
        ),
    )
}


#: The labels of the button that leaves the mailing as it is.
KEEP: Mapping[str, Promise] = {
    MailingState.DRAFT: _("Leave it a draft"),
    MailingState.SCHEDULED: _("Keep it scheduled"),
    MailingState.RUNNING: _("Keep it running"),
    MailingState.PAUSED: _("Keep it paused"),
}


def possible_actions(mailing: Mailing) -> list[MailingAction]:
    """Return the actions that the mailing's state allows."""
    return [action for action in ACTIONS.values() if mailing.state in action.transition.sources]


@page()
def waiting_mailing(request: OperatorRequest, id: int) -> HttpResponse:
    """Show what a mailing before its start would do: clients, price, a sample, local times."""
    mailing = mailing_or_404(id)
    is_waiting = mailing.state in BEFORE_THE_START
    confirmation = Confirmation.waiting(mailing) if is_waiting else None
    frame = "dashboard/mailings/fragment.html" if is_htmx(request) else "dashboard/base.html"
    context = {
        "mailing": mailing,
        "confirmation": confirmation,
        "frame": frame,
        "section": "mailing-list",
    }
    return render(request, "dashboard/mailings/before_start_preview.html", context)


@page(Action.SEND)
def change_state(request: OperatorRequest, id: int, action: str) -> HttpResponse:
    """GET shows the impact of the action, POST executes it."""
    mailing, definition = mailing_or_404(id), ACTIONS[action]
    if request.method == "POST":
        return _apply(request, mailing, definition)
    if mailing.state == definition.transition.target:
        return _is_applied(request, mailing, definition)
    if mailing.state not in definition.transition.sources:
        return redirect_refused(request, mailing, definition.name)
    return _show_confirmation(request, mailing, definition)


def _show_confirmation(
    request: OperatorRequest, mailing: Mailing, action: MailingAction, *, again: bool = False
) -> HttpResponse:
    """Show the confirmation; again, with the reason, if its content has changed."""
    context: dict[str, Any] = {
        "action": action,
        "keep": KEEP[mailing.state],
        "has_changed": again,
        "template": f"dashboard/mailings/actions/{action.name}.html",
    }
    state = _state_before(mailing, action)
    if action.transition is RESUME:
        context["at_night"] = clients_at_night(mailing, state["c"].forecast)
    return render_confirmation(request, mailing, {**context, **state})


def render_confirmation(
    request: OperatorRequest, mailing: Mailing, context: Mapping[str, Any]
) -> HttpResponse:
    """Render a confirmation about a mailing, as a page or as a part for the dialog."""
    frame = "dashboard/mailings/fragment.html" if is_htmx(request) else "dashboard/base.html"
    full_context = {"mailing": mailing, "frame": frame, "section": "mailing-list", **context}
    return render(request, "dashboard/mailings/actions/confirm.html", full_context)


def _state_before(mailing: Mailing, action: MailingAction) -> dict[str, Any]:
    progress = progress_for(mailing)
    state: dict[str, Any] = {"progress": progress, "c": impact_of(mailing, progress)}
    if mailing.state in BEFORE_THE_START:
        state["matched"] = select_recipients(mailing.filter).count()
    if action.transition is SCHEDULE:
        state["confirmation"] = Confirmation.waiting(mailing)
    state["seen"] = _confirmed_state(mailing, action, state)
    return state


def _confirmed_state(
    mailing: Mailing, action: MailingAction, state: Mapping[str, Any]
) -> ConfirmedState | SignedConfirmation | None:
    """Return what has to be confirmed; None if the action can be undone."""
    if action.transition is CANCEL:
        return state_before_cancelling(mailing, state["progress"])
    if confirmation := state.get("confirmation"):
        agreement: SignedConfirmation = confirmation.agreement
        return agreement
    return state_before_scheduling(state["matched"]) if action.transition is SCHEDULE else None


def _apply(request: OperatorRequest, mailing: Mailing, action: MailingAction) -> HttpResponse:
    try:
        if action.transition is SCHEDULE:
            check_ready(mailing)
    except ValidationError as error:
        for message in error.messages:
            messages.error(request, message)
        return redirect("edit-mailing", mailing.id)
    with transaction.atomic():
        mailing = Mailing.objects.select_for_update(no_key=True).get(id=mailing.id)
        if mailing.state in action.transition.sources:
            confirmed = _state_before(mailing, action)["seen"]
            # Under the lock: what was confirmed must be what is executed.
            if confirmed and not confirmed.covers(request.POST.get(FIELD, "")):
                again = FIELD in request.POST
                return _show_confirmation(request, mailing, action, again=again)
        moved = mailing.move(action.transition, actor=actor(request))
        wake_for(mailing.id)
    if not moved and not action.is_fulfilled(mailing):
        return redirect_refused(request, mailing, action.name)
    return _is_applied(request, mailing, action)


def _is_applied(request: OperatorRequest, mailing: Mailing, action: MailingAction) -> HttpResponse:
    messages.success(request, str(action.done))
    return back_to(request, mailing)
