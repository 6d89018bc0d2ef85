"""Messages in doubt: the three things that an operator may do about them, each asked first."""

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
from vestnik.mailings.rules import database_now
from vestnik.providers.registry import aliases, describe

SENDABLE = (*UNDER_WAY, MailingState.FINISHED)
NOT_QUERYABLE = gettext_lazy(
    "The provider %(provider)s cannot be asked what became of a message: "
    "send the messages again, or give them up."
)


@dataclass(frozen=True)
class UnknownChoice:
    """One of the three: its button, its question, what does it, and what is said then."""

    settlement: UnknownAction
    button: Promise
    title: Promise
    confirm: Promise
    settle: Callable[..., int]
    done: Promise
    danger: bool = False

    @property
    def needs_confirmed_count(self) -> bool:
        """Whether it does something to a message that cannot be taken back."""
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
    """More messages are in doubt than the operator was asked about."""


class ConfirmedCountForm(IdempotentForm):
    """The answer to the question: it is about so many messages, and given once."""

    agreed = forms.IntegerField(required=False, min_value=0)


@dataclass(frozen=True)
class UnknownMessages:
    """How many messages of a mailing are in doubt, and which choices are open."""

    count: int
    may_ask: bool
    may_resend: bool

    @property
    def text(self) -> str:
        """How many, as a sentence."""
        return unknown_text(self.count)


def unknown_messages_of(mailing: Mailing, unknown: int) -> UnknownMessages | None:
    """None where nothing is in doubt."""
    if not unknown:
        return None
    return UnknownMessages(unknown, can_be_queried(mailing), can_be_resent(mailing))


def can_be_queried(mailing: Mailing) -> bool:
    """Whether the mailing's provider can tell what became of a message."""
    return mailing.provider in aliases() and describe(mailing.provider).can_query


def can_be_resent(mailing: Mailing) -> bool:
    """Whether messages may still leave, or might if the mailing were not finished."""
    return mailing.state in SENDABLE and database_now() < mailing.ends_at


@page(Action.SEND)
def resolve_unknown(request: OperatorRequest, id: int, choice: str) -> HttpResponse:
    """GET says what would become of the messages in doubt, POST does it."""
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
    """The question; once more, with the reason, where more has come than was agreed to."""
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
    """Use the answer up, and do it: in slices, each a transaction. About how many messages it is.

    Raises MoreThanConfirmed, and what the choice raises.
    """
    most = {"most": agreed or 0} if action.needs_confirmed_count else {}

    def agree() -> int:
        count = unknown_messages.count_unknown(mailing)
        if action.needs_confirmed_count and count > most["most"]:
            raise MoreThanConfirmed
        return count

    count, is_new = create_once(token, agree)
    if not is_new:
        return count
    try:
        return action.settle(mailing, actor=actor(request), **most)
    except Exception:  # it broke off: the same answer, given again, does the rest
        release_token(token)
        raise


def _redirect_not_queryable(request: OperatorRequest, mailing: Mailing) -> HttpResponse:
    messages.error(request, str(NOT_QUERYABLE % {"provider": mailing.provider}))
    return back_to(request, mailing)
