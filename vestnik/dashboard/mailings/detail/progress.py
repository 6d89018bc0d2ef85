"""The card with a mailing's progress, its rate and its forecast.

`mailings/progress_card.html` is the card, which subscribes to the topic; `mailings/progress.html`
is the part that changes.
"""

from datetime import datetime
from typing import Any

from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from vestnik.dashboard.templatetags.vestnik import mailing_badge, number, percent
from vestnik.dashboard.wording.state_labels import MAILING_STATES
from vestnik.reports.mailing.snapshot import Snapshot


def progress_context(snapshot: Snapshot) -> dict[str, Any]:
    """Return the context of both templates."""
    return {
        "snapshot": snapshot,
        "ends": clock(snapshot.ends_at),
        "starts_in": (snapshot.starts_at - snapshot.now).total_seconds(),
        "live_state": state_of(snapshot),
        "told": announcement(snapshot),
    }


def template_of(snapshot: Snapshot) -> str:
    """Return the template of the part that changes: the progress, or the time until the start."""
    has_started = snapshot.started_at is not None
    return f"dashboard/mailings/{'progress' if has_started else 'before_start_status'}.html"


def slots(snapshot: Snapshot) -> dict[str, str]:
    """Return other parts of the page that change with the progress, by element ids."""
    unknown = snapshot.progress["unknown"]
    return {
        "mailing-state": mailing_badge(snapshot.state, snapshot.progress),
        "unknown-count": unknown_text(unknown) if unknown else "",
    }


def unknown_text(unknown: int) -> str:
    """Return the number of unknown messages as a sentence."""
    text = ngettext(
        "%(shown)s message is in an unknown state.",
        "%(shown)s messages are in an unknown state.",
        unknown,
    )
    return text % {"shown": number(unknown)}


def state_of(snapshot: Snapshot) -> str:
    """Return what the rest of the page depends on.

    Besides the state this is whether there are any messages, and whether any are unknown.
    """
    words = [snapshot.state]
    words += [] if snapshot.progress["matched"] else ["empty"]
    words += ["in-doubt"] if snapshot.progress["unknown"] else []
    return "-".join(words)


def announcement(snapshot: Snapshot) -> str:
    """Return what screen readers announce; it changes with every ten per cent."""
    word = str(MAILING_STATES.get(snapshot.state, snapshot.state))
    whole = snapshot.progress["matched"]
    if not whole or not snapshot.is_under_way:
        return word
    tens = 10 * snapshot.settled // whole * 10
    return _("%(state)s, %(share)s done") % {"state": word, "share": percent(tens, 100)}


def clock(moment: datetime) -> str:
    """Return the time of day, with the date if it is not today."""
    local = timezone.localtime(moment)
    if local.date() == timezone.localdate():
        return date_format(local, "H:i")
    day = "j E" if translation.get_language() == "ru" else "j M"
    return date_format(local, f"{day}, H:i")
