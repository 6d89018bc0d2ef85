"""Which values the fields of a mailing may have, and which may change in which state."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from vestnik.audience.filters.rules import MOST_PROBLEMS
from vestnik.audience.filters.selection import attribute_names, is_attribute
from vestnik.mailings.models import (
    BEFORE_THE_START,
    CANCEL,
    PAUSE,
    RESUME,
    SCHEDULE,
    UNDER_WAY,
    Mailing,
    MailingState,
    StateConflict,
)
from vestnik.mailings.template import (
    FIELDS,
    LONGEST_NAME,
    MOST_PLACEHOLDERS,
    Malformed,
    Piece,
    least,
    parse,
    placeholders,
)
from vestnik.mailings.text import MOST_SEGMENTS, is_blank, normalise, segments_of
from vestnik.mailings.text_warnings import TextWarning, correct, suggestion_for, warnings
from vestnik.providers.registry import aliases

#: A longer text is refused before it is parsed; ten segments have 1,530 characters.
LONGEST_READ = 10_000
HOURS = ("from", "until")
TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)
SHORTEN = gettext_lazy(
    "Shorten it: at most %(most)s segments go out as one message, which is "
    "1530 characters of the GSM alphabet or 670 of any other."
)
CONFIRM = gettext_lazy("Write it as {{ name }}, or confirm the text as it is (confirm_text).")
#: A text without one of these cannot hold anything that looks like a placeholder.
LOOKS_WRITTEN = re.compile(r"[{}\[<#%]|\(\(")
#: Warnings in one error message.
MOST_NAMED = 5
#: Messages a second; far above any provider's rate.
MOST_RATE = 1_000_000
#: The horizon counts leap years, so that a date is never refused a day early.
YEAR = timedelta(days=366)

CHANGEABLE = frozenset(
    {"name", "text", "filter", "starts_at", "ends_at", "provider", "rate_limit", "local_hours"}
)
#: Audience and text are fixed when the mailing starts: its messages exist.
CHANGEABLE_UNDER_WAY = frozenset({"name", "rate_limit", "ends_at"})
#: Nothing is sent while paused, so the user sees who got the old text before changing it.
CHANGEABLE_PAUSED = CHANGEABLE_UNDER_WAY | {"text"}


def validate_text(text: str) -> str:
    """Return the text as it will be sent. Raises ValidationError with the remedy."""
    if is_blank(text):
        raise ValidationError(_("Write a text: an empty message is never sent."))
    # Before parsing, whose cost grows with the text.
    if len(text) > LONGEST_READ:
        raise ValidationError(SHORTEN % {"most": MOST_SEGMENTS})
    pieces = _parsed(normalised := normalise(text))
    if segments_of(least(pieces)) > MOST_SEGMENTS:
        raise ValidationError(SHORTEN % {"most": MOST_SEGMENTS})
    _check_names(pieces)
    return normalised


def text_warnings(text: str) -> list[TextWarning]:
    """Return the parts of a text that look like a placeholder and are none."""
    return warnings(text, attribute_names()) if LOOKS_WRITTEN.search(text) else []


def check_confirmed(text: str, *, confirmed: bool) -> None:
    """Raise ValidationError if parts look like placeholders, unless that was confirmed."""
    unconfirmed = [] if confirmed else text_warnings(text)
    if unconfirmed:
        warning = " ".join(map(str, unconfirmed[:MOST_NAMED]))
        raise ValidationError({"text": f"{warning} {CONFIRM}"}, code="confirm_text")


def _parsed(text: str) -> list[Piece]:
    try:
        return parse(text)
    except Malformed as error:
        remedy = _('Write a placeholder as {{ name }} or {{ name|default:"…" }}, not as %(this)s.')
        meant = _did_you_mean(correct(text))
        raise ValidationError(remedy % {"this": error} + meant) from None


def _check_names(pieces: Sequence[Piece]) -> None:
    """Raise ValidationError if a name is neither a field nor an attribute of any client."""
    slots = placeholders(pieces)
    if len(slots) > MOST_PLACEHOLDERS:
        remedy = _("Use at most %(most)s placeholders.")
        raise ValidationError(remedy % {"most": MOST_PLACEHOLDERS})
    for name in dict.fromkeys(slot.name for slot in slots):
        if len(name) > LONGEST_NAME or not (name in FIELDS or is_attribute(name)):
            remedy = _("No client has an attribute %(name)r. Other names are %(known)s.")
            params = {"name": name[:LONGEST_NAME], "known": ", ".join(FIELDS)}
            raise ValidationError(remedy % params + _find_misspelled(name))


def _find_misspelled(name: str) -> str:
    meant = suggestion_for(name[:LONGEST_NAME], attribute_names())
    return _did_you_mean(f"{{{{ {meant} }}}}" if meant else "")


def _did_you_mean(meant: str) -> str:
    if not meant:
        return ""
    hint = _("Did you mean %(meant)s?") % {"meant": meant}
    return f" {hint}"


def validate_provider(alias: str) -> str:
    """Return the alias. Raises ValidationError if no such provider is configured."""
    if alias not in aliases():
        remedy = _("Name a configured provider: %(known)s.")
        raise ValidationError(remedy % {"known": ", ".join(aliases())})
    return alias


def validate_hours(hours: Mapping[str, Any]) -> dict[str, str]:
    """Return the local hours as they are stored. Raises ValidationError by part."""
    remedy = _("Write the time as HH:MM, from 00:00 to 23:59.")
    wrong = {end: remedy for end in HOURS if not _is_time(hours.get(end))}
    known = _("Available: %(known)s.") % {"known": ", ".join(HOURS)}
    unknown = (str(key) for key in hours if key not in HOURS)
    wrong |= dict.fromkeys(islice(unknown, MOST_PROBLEMS), known)
    if not wrong and hours["from"] == hours["until"]:
        wrong["until"] = _("Choose another time than `from`; null is the whole day.")
    if wrong:
        raise ValidationError(wrong)
    return {end: hours[end] for end in HOURS}


def _is_time(value: object) -> bool:
    return isinstance(value, str) and bool(TIME.fullmatch(value))


def check_window(starts_at: datetime, ends_at: datetime) -> None:
    """Raise ValidationError if the window is empty, or if an instant is beyond the horizon
    (MAILING_HORIZON_YEARS)."""
    if starts_at >= ends_at:
        raise ValidationError({"ends_at": _("Choose an end that is later than the start.")})
    instants = {"starts_at": starts_at, "ends_at": ends_at}
    if far := {name: why for name, instant in instants.items() if (why := _too_far(instant))}:
        raise ValidationError(far)


def _too_far(instant: datetime) -> str:
    """Return the remedy if the instant is beyond the horizon, past or future; else nothing."""
    years = settings.MAILING_HORIZON_YEARS
    away = instant - timezone.now()
    if abs(away) <= years * YEAR:
        return ""
    if away > timedelta():
        remedy = ngettext(
            "Choose a time at most %(years)s year from now.",
            "Choose a time at most %(years)s years from now.",
            years,
        )
    else:
        remedy = ngettext(
            "Choose a time at most %(years)s year ago.",
            "Choose a time at most %(years)s years ago.",
            years,
        )
    return remedy % {"years": years}


def check_ahead(ends_at: datetime, *, under_way: bool = False) -> None:
    """Raise ValidationError if the end has passed, by the database's clock."""
    if ends_at <= database_now():
        raise ValidationError({"ends_at": _("Choose an end that is still to come.")})
    # A flight that was marked before the change still has the old end; it has left within a second.
    if under_way and ends_at < database_now() + timedelta(seconds=1):
        remedy = _("Choose an end a second from now or later, or cancel.")
        raise ValidationError({"ends_at": remedy})


def database_now() -> datetime:
    """Return the time of the database, whose clock the pipeline uses."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def check_ready(mailing: Mailing) -> None:
    """Raise ValidationError that names what became invalid since the draft was saved."""
    if mailing.state == MailingState.DRAFT:
        check_ahead(mailing.ends_at)
        try:
            validate_provider(mailing.provider)
        except ValidationError as error:
            raise ValidationError({"provider": error.messages}) from None


def changeable(mailing: Mailing) -> frozenset[str]:
    """Return the fields that may change in the mailing's state."""
    if mailing.state in BEFORE_THE_START:
        return CHANGEABLE
    if mailing.state == MailingState.PAUSED and not mailing.is_test:
        return CHANGEABLE_PAUSED
    return CHANGEABLE_UNDER_WAY if mailing.state in UNDER_WAY else frozenset()


def check_changeable(mailing: Mailing, names: Iterable[str]) -> None:
    """Raise StateConflict if one of the fields may not change in the mailing's state."""
    refused = sorted(set(names) - changeable(mailing))
    if refused:
        raise StateConflict(mailing, f"change of {', '.join(refused)}")


def allowed_actions(mailing: Mailing) -> list[str]:
    """Return the names of the actions that the mailing's state allows."""
    transitions = (SCHEDULE, PAUSE, RESUME, CANCEL)
    actions = [order.name for order in transitions if mailing.state in order.sources]
    fields = changeable(mailing)
    if fields == CHANGEABLE:
        return [*actions, "change"]
    return [*actions, f"change of {', '.join(sorted(fields))}"] if fields else actions
