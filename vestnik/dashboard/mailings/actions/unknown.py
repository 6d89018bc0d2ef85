"""Unknown messages: the three actions that an operator may take, each after a confirmation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from vestnik.access.roles import Action
from vestnik.dashboard.mailings.actions.views import render_confirmation
from vestnik.dashboard.mailings.detail.progress import unknown_text
from vestnik.dashboard.mailings.lookups import mailing_or_404
from vestnik.dashboard.mailings.state_errors import back_to, redirect_refused
from vestnik.dashboard.web.decorators import OperatorRequest, actor, page
from vestnik.dashboard.web.form_idempotency import (
    IdempotentForm,
    create_once,
    new_token,
    release_token,
)
from vestnik.dispatch.reconcile import unknown_messages
from vestnik.dispatch.reconcile.unknown_messages import StatusQueryUnsupported, UnknownAction
from vestnik.mailings.models import UNDER_WAY, Mailing, MailingState, StateConflict
from vestnik.mailings.window import database_now
from vestnik.providers.registry import aliases, describe

SENDABLE = (*UNDER_WAY, MailingState.FINISHED)
NOT_QUERYABLE = gettext_lazy(
    "The provider %(provider)s does not answer status queries: send the messages again, or give "
    "them up."
)


@dataclass(frozen=True)
class UnknownChoice:
    """One of the three actions: its button, its confirmation, its function, its success message."""

    settlement: UnknownAction
    button: Promise
    title: Promise
    confirm: Promise
    settle: Callable[..., int]
    done: Promise
    danger: bool = False

    @property
    def needs_confirmed_count(self) -> bool:
        """Whether the action is irreversible, so that it applies only to the confirmed count."""
        return self.settlement is not UnknownAction.ASK

    @property
    def name(self) -> str:
        return self.settlement.value.replace("_", "-")


UNKNOWN_CHOICES: Mapping[str, UnknownChoice] = {
    choice.name: choice
    for choice in (
        UnknownChoice(
            UnknownAction.ASK,
            gettext_lazy("Ask the provider"),
            gettext_lazy("Ask the provider about them?"),
            gettext_lazy("Ask the provider"),
            unknown_messages.request_status,
            ngettext_lazy(
                "The provider is being asked about %(count)d message.",
                "The provider is being asked about %(count)d messages.",
                "count",
            ),
        ),
        UnknownChoice(
            UnknownAction.RESEND,
            gettext_lazy("Send once more in this mailing"),
            gettext_lazy("Send them once more in this mailing?"),
            gettext_lazy("Send them once more"),
            unknown_messages.resend,
            ngettext_lazy(
                "%(count)d message is queued again.",
                "%(count)d messages are queued again.",
                "count",
            ),
        ),
        UnknownChoice(
            UnknownAction.GIVE_UP,
            gettext_lazy("Give up"),
            gettext_lazy("Count them as refused?"),
            gettext_lazy("Count them as refused"),
            unknown_messages.give_up,
            ngettext_lazy(
                "%(count)d message counts as refused.",
                "%(count)d messages count as refused.",
                "count",
            ),
            danger=True,
        ),
    )
}


class MoreThanConfirmed(Exception):
    """Raised when more messages are unknown than the operator has confirmed."""


class ConfirmedCountForm(IdempotentForm):
    """The answer to the confirmation: it covers a number of messages, and counts once."""

    agreed = forms.IntegerField(required=False, min_value=0)


@dataclass(frozen=True)
class UnknownMessages:
    """The number of unknown messages of a mailing, and the actions that are possible."""

    count: int
    may_ask: bool
    may_resend: bool

    @property
    def text(self) -> str:
        """The number as a sentence."""
        return unknown_text(self.count)


def unknown_messages_of(mailing: Mailing, unknown: int) -> UnknownMessages | None:
    """Return the unknown messages; None if there are none."""
    if not unknown:
        return None
    return UnknownMessages(unknown, can_be_queried(mailing), can_be_resent(mailing))


def can_be_queried(mailing: Mailing) -> bool:
    """Return whether the mailing's provider answers status queries."""
    return mailing.provider in aliases() and describe(mailing.provider).can_query


def can_be_resent(mailing: Mailing) -> bool:
    """Return whether messages may still leave, or may once the mailing is reopened."""
    return mailing.state in SENDABLE and database_now() < mailing.ends_at


@page(Action.SEND)
def resolve_unknown(request: OperatorRequest, id: int, choice: str) -> HttpResponse:
    """GET shows what the action does to the unknown messages, POST executes it."""
    mailing, action = mailing_or_404(id), UNKNOWN_CHOICES[choice]
    if request.method == "POST":
        return _resolve(request, mailing, action)
    if action.settlement is UnknownAction.ASK and not can_be_queried(mailing):
        return _redirect_not_queryable(request, mailing)
    if action.settlement is UnknownAction.RESEND and not can_be_resent(mailing):
        return redirect_refused(request, mailing, "resend")
    return _show_confirmation(request, mailing, action)


def _show_confirmation(
    request: OperatorRequest, mailing: Mailing, action: UnknownChoice, agreed: int | None = None
) -> HttpResponse:
    """Show the confirmation; again, with the reason, if more messages are unknown now."""
    context = {
        "action": action,
        "keep": _("Leave them as they are"),
        "count": unknown_messages.count_unknown(mailing),
        "agreed": agreed,
        "token": new_token(),
        "template": f"dashboard/mailings/actions/{action.name}.html",
    }
    return render_confirmation(request, mailing, context)


def _resolve(request: OperatorRequest, mailing: Mailing, action: UnknownChoice) -> HttpResponse:
    form = ConfirmedCountForm(request.POST)
    agreed = form.cleaned_data["agreed"] if form.is_valid() else None
    if action.settlement is UnknownAction.RESEND and not can_be_resent(mailing):
        return redirect_refused(request, mailing, "resend")

    try:
        count = _resolve_once(request, mailing, action, form.submitted_token, agreed)
    except MoreThanConfirmed:
        return _show_confirmation(request, mailing_or_404(mailing.id), action, agreed)
    except StateConflict:
        return redirect_refused(request, mailing, "resend")
    except StatusQueryUnsupported:
        return _redirect_not_queryable(request, mailing)
    if count:
        messages.success(request, str(action.done % {"count": count}))
    else:
        messages.info(request, _("No messages are unknown any more."))
    return back_to(request, mailing)


def _resolve_once(
    request: OperatorRequest,
    mailing: Mailing,
    action: UnknownChoice,
    token: UUID,
    agreed: int | None,
) -> int:
    """Use up the token and execute the action, in slices of a transaction each.

    Returns the number of messages. Raises MoreThanConfirmed, and what the action raises.
    """
    most = {"most": agreed or 0} if action.needs_confirmed_count else {}

    def agree() -> int:
        count = unknown_messages.count_unknown(mailing)
        if action.needs_confirmed_count and count > most["most"]:
            raise MoreThanConfirmed
        return count

    count, is_new = create_once(token, agree)
    # The same answer was sent before; it is reported, not executed again.
    if not is_new:
        return count
    try:
        return action.settle(mailing, actor=actor(request), **most)
    except Exception:  # interrupted: the same answer, sent again, continues
        release_token(token)
        raise


def _redirect_not_queryable(request: OperatorRequest, mailing: Mailing) -> HttpResponse:
    messages.error(request, str(NOT_QUERYABLE % {"provider": mailing.provider}))
    return back_to(request, mailing)
