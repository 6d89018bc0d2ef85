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
from vestnik.dashboard.mailings.actions.views import confirmation
from vestnik.dashboard.mailings.detail.progress import in_doubt
from vestnik.dashboard.mailings.lookups import mailing_or_404
from vestnik.dashboard.mailings.state_errors import back_to, refused
from vestnik.dashboard.web.decorators import OperatorRequest, actor, page
from vestnik.dashboard.web.form_idempotency import OnceForm, free, new_token, once
from vestnik.dispatch.reconcile import unknown_messages
from vestnik.dispatch.reconcile.unknown_messages import StatusQueryUnsupported, UnknownAction
from vestnik.mailings.models import UNDER_WAY, Mailing, MailingState, StateConflict
from vestnik.mailings.rules import database_now
from vestnik.providers.registry import aliases, describe

SENDABLE = (*UNDER_WAY, MailingState.FINISHED)
NOT_ASKED = gettext_lazy(
    "The provider %(provider)s cannot be asked what became of a message: "
    "send the messages again, or give them up."
)


@dataclass(frozen=True)
class Way:
    """One of the three: its button, its question, what does it, and what is said then."""

    settlement: UnknownAction
    button: Promise
    title: Promise
    confirm: Promise
    settle: Callable[..., int]
    done: Promise
    danger: bool = False

    @property
    def needs_consent(self) -> bool:
        """Whether it does something to a message that cannot be taken back."""
        return self.settlement is not UnknownAction.ASK

    @property
    def name(self) -> str:
        return self.settlement.value.replace("_", "-")


WAYS: Mapping[str, Way] = {
    way.name: way
    for way in (
        Way(
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
        Way(
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
        Way(
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


class More(Exception):
    """More messages are in doubt than the operator was asked about."""


class Answered(OnceForm):
    """The answer to the question: it is about so many messages, and given once."""

    agreed = forms.IntegerField(required=False, min_value=0)


@dataclass(frozen=True)
class Doubt:
    """How many messages of a mailing are in doubt, and which ways are open."""

    count: int
    may_ask: bool
    may_resend: bool

    @property
    def said(self) -> str:
        """How many, as a sentence."""
        return in_doubt(self.count)


def doubt_of(mailing: Mailing, unknown: int) -> Doubt | None:
    """None where nothing is in doubt."""
    if not unknown:
        return None
    return Doubt(unknown, can_be_asked(mailing), can_be_resent(mailing))


def can_be_asked(mailing: Mailing) -> bool:
    """Whether the mailing's provider can tell what became of a message."""
    return mailing.provider in aliases() and describe(mailing.provider).can_query


def can_be_resent(mailing: Mailing) -> bool:
    """Whether messages may still leave, or might if the mailing were not finished."""
    return mailing.state in SENDABLE and database_now() < mailing.ends_at


@page(Action.SEND)
def settle_unknown(request: OperatorRequest, id: int, way: str) -> HttpResponse:
    """GET says what would become of the messages in doubt, POST does it."""
    mailing, wanted = mailing_or_404(id), WAYS[way]
    if request.method == "POST":
        return _settle(request, mailing, wanted)
    if wanted.settlement is UnknownAction.ASK and not can_be_asked(mailing):
        return _not_asked(request, mailing)
    if wanted.settlement is UnknownAction.RESEND and not can_be_resent(mailing):
        return refused(request, mailing, "resend")
    return _asked(request, mailing, wanted)


def _asked(
    request: OperatorRequest, mailing: Mailing, way: Way, agreed: int | None = None
) -> HttpResponse:
    """The question; once more, with the reason, where more has come than was agreed to."""
    context = {
        "order": way,
        "keep": _("Leave them as they are"),
        "count": unknown_messages.count_unknown(mailing),
        "agreed": agreed,
        "token": new_token(),
        "template": f"dashboard/mailings/orders/{way.name}.html",
    }
    return confirmation(request, mailing, context)


def _settle(request: OperatorRequest, mailing: Mailing, way: Way) -> HttpResponse:
    answered = Answered(request.POST)
    agreed = answered.cleaned_data["agreed"] if answered.is_valid() else None
    if way.settlement is UnknownAction.RESEND and not can_be_resent(mailing):
        return refused(request, mailing, "resend")

    try:
        count = _done(request, mailing, way, answered.used_token, agreed)
    except More:
        return _asked(request, mailing_or_404(mailing.id), way, agreed)
    except StateConflict:
        return refused(request, mailing, "resend")
    except StatusQueryUnsupported:
        return _not_asked(request, mailing)
    if count:
        messages.success(request, str(way.done % {"count": count}))
    else:
        messages.info(request, _("No messages are unknown any more."))
    return back_to(request, mailing)


def _done(
    request: OperatorRequest, mailing: Mailing, way: Way, token: UUID, agreed: int | None
) -> int:
    """Use the answer up, and do it: in slices, each a transaction. About how many messages it is.

    Raises More, and what the way raises.
    """
    most = {"most": agreed or 0} if way.needs_consent else {}

    def agree() -> int:
        count = unknown_messages.count_unknown(mailing)
        if way.needs_consent and count > most["most"]:
            raise More
        return count

    count, is_new = once(token, agree)
    if not is_new:
        return count
    try:
        return way.settle(mailing, actor=actor(request), **most)
    except Exception:  # it broke off: the same answer, given again, does the rest
        free(token)
        raise


def _not_asked(request: OperatorRequest, mailing: Mailing) -> HttpResponse:
    messages.error(request, str(NOT_ASKED % {"provider": mailing.provider}))
    return back_to(request, mailing)
