"""Errors for actions that the mailing's state does not allow; the page shows the current state."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, resolve_url
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from vestnik.dashboard.web.decorators import OperatorRequest, is_htmx
from vestnik.dashboard.wording.state_labels import MAILING_STATES
from vestnik.mailings.models import ENDED, Mailing
from vestnik.mailings.window import database_now

#: Actions that are useless once the end has come.
BEFORE_THE_END = ("schedule", "resume", "change", "new text")
TEXTS: dict[str, Promise] = {
    "schedule": gettext_lazy("It cannot be scheduled: the mailing is “%(state)s” now."),
    "pause": gettext_lazy("It was not paused: the mailing is “%(state)s” now."),
    "resume": gettext_lazy("It cannot be resumed: the mailing is “%(state)s” now."),
    "cancel": gettext_lazy("It was not cancelled: the mailing is “%(state)s” now."),
    "change": gettext_lazy("Nothing was changed: the mailing is “%(state)s” now."),
    "new text": gettext_lazy(
        "The text was not changed: the mailing is “%(state)s” now. Pause it to change the text "
        "of waiting messages."
    ),
    "send again": gettext_lazy(
        "It cannot be sent again yet: the mailing is “%(state)s”. Wait until it has ended."
    ),
    "test send again": gettext_lazy(
        "A test send is not sent again: it went to numbers and not to clients. Send another test."
    ),
    "resend": gettext_lazy(
        "Nothing was queued again: the mailing is “%(state)s”. "
        "To reach these clients, send again with a new mailing."
    ),
    "resend after the end": gettext_lazy(
        "Nothing was queued again: the mailing is “%(state)s” and its end has passed. "
        "To reach these clients, send again with a new mailing."
    ),
}


def state_error(mailing: Mailing, action: str) -> str:
    """Return why the action is not possible."""
    is_over = mailing.ends_at <= database_now()
    if is_over and action == "resend":
        action = "resend after the end"
    if is_over and action in BEFORE_THE_END and mailing.state not in ENDED:
        return _("The end of the mailing has passed: nothing can be sent any more.")
    return str(TEXTS[action] % {"state": MAILING_STATES[mailing.state]})


def redirect_refused(request: OperatorRequest, mailing: Mailing, action: str) -> HttpResponse:
    """Redirect to the mailing, with the reason."""
    messages.error(request, state_error(mailing, action))
    return back_to(request, mailing)


def back_to(request: OperatorRequest, mailing: Mailing) -> HttpResponse:
    """Redirect to the page of the mailing, also from a dialog."""
    if not is_htmx(request):
        return redirect("mailing-page", mailing.id)
    answer = HttpResponse(status=204)
    answer["HX-Redirect"] = resolve_url("mailing-page", mailing.id)
    return answer
