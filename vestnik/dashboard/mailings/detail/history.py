"""The events of a mailing in words: who, what, when and why."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from vestnik.dashboard.wording.bidi import isolate
from vestnik.dashboard.wording.reasons import said
from vestnik.mailings.models import SYSTEM, Mailing, MailingEvent

#: Events on the page; the API lists all of them.
MOST = 100

EVENTS: dict[str, Promise] = {
    "draft": pgettext_lazy("event", "saved as a draft"),
    "schedule": pgettext_lazy("event", "scheduled"),
    "launch": pgettext_lazy("event", "started"),
    "miss": pgettext_lazy("event", "missed"),
    "pause": pgettext_lazy("event", "paused"),
    "resume": pgettext_lazy("event", "resumed"),
    "cancel": pgettext_lazy("event", "cancelled"),
    "finish": pgettext_lazy("event", "finished"),
    "reopen": pgettext_lazy("event", "running again"),
    "change": pgettext_lazy("event", "changed"),
    "new_text": pgettext_lazy("event", "new text"),
    "ask": pgettext_lazy("event", "the provider is asked"),
    "resend": pgettext_lazy("event", "queued again"),
    "give_up": pgettext_lazy("event", "given up"),
    "send_again": pgettext_lazy("event", "sent again"),
    "test": pgettext_lazy("event", "test send"),
}


@dataclass(frozen=True)
class Entry:
    """One line of the history."""

    at: datetime
    who: str
    what: str
    why: str


def history_of(mailing: Mailing) -> list[Entry]:
    """Return the latest events, the newest first."""
    return [_entry(event) for event in mailing.events.order_by("-id")[:MOST]]


def _entry(event: MailingEvent) -> Entry:
    what = str(EVENTS.get(event.event, event.event))
    return Entry(event.at, who(event.actor), what, said(event.why))


def who(actor: str) -> str:
    """Return the actor in words: a user by name, an API key by its name, or the service."""
    kind, _colon, name = actor.partition(":")
    if actor == SYSTEM:
        return _("by itself")
    if kind == "key":
        return _("API key %(name)s") % {"name": isolate(name)}
    return isolate(name or actor)
