"""The labels of states, in the order in which pages show them."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from vestnik.dispatch.read.progress import Outcome
from vestnik.dispatch.states import MessageState
from vestnik.mailings.models import MailingState

#: Also the order of the bar's segments: success, failure, still to come.
MESSAGE_STATES: dict[str, Promise] = {
    MessageState.DELIVERED: _("delivered"),
    MessageState.SENT: _("sent"),
    MessageState.UNDELIVERED: _("not delivered"),
    MessageState.FAILED: _("refused"),
    MessageState.UNKNOWN: pgettext_lazy("message", "unknown"),
    MessageState.EXPIRED: _("expired"),
    MessageState.CANCELLED: pgettext_lazy("message", "cancelled"),
    MessageState.SUPPRESSED: _("not to be sent"),
    MessageState.SENDING: _("being sent"),
    MessageState.QUEUED: _("queued"),
}

MAILING_STATES: dict[str, Promise] = {
    MailingState.DRAFT: pgettext_lazy("mailing", "draft"),
    MailingState.SCHEDULED: pgettext_lazy("mailing", "scheduled"),
    MailingState.RUNNING: pgettext_lazy("mailing", "running"),
    MailingState.PAUSED: pgettext_lazy("mailing", "paused"),
    MailingState.FINISHED: pgettext_lazy("mailing", "finished"),
    MailingState.CANCELLED: pgettext_lazy("mailing", "cancelled"),
    MailingState.MISSED: pgettext_lazy("mailing", "missed"),
}

#: The fields of a mailing that can be changed.
FIELDS: dict[str, Promise] = {
    "name": _("Name"),
    "text": _("Text"),
    "filter": _("Audience"),
    "starts_at": _("Start"),
    "ends_at": pgettext_lazy("window", "End"),
    "provider": _("Provider"),
    "rate_limit": _("Rate"),
    "local_hours": _("Client's hours"),
}

#: Outcomes of a finished mailing that did not reach all clients.
OUTCOMES: dict[str, Promise] = {
    Outcome.PARTLY: _("finished, not all were reached"),
    Outcome.MOSTLY_NOT: _("finished, most were not reached"),
    Outcome.NOBODY: _("finished, no recipients"),
}

ROLES: dict[str, Promise] = {
    "viewer": pgettext_lazy("role", "viewer"),
    "operator": pgettext_lazy("role", "operator"),
    "admin": pgettext_lazy("role", "admin"),
}
