"""Which values the fields of a mailing may have, and which may change in which state."""

import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

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
from vestnik.mailings.text import (
    FIELDS,
    LONGEST_NAME,
    MOST_PLACEHOLDERS,
    MOST_SEGMENTS,
    Malformed,
    is_blank,
    least_segments_of,
    normalise,
    parse,
    placeholders,
)
from vestnik.mailings.text_warnings import correct, suggestion_for
from vestnik.mailings.window import check_ahead
from vestnik.providers.registry import aliases

#: A longer text is refused before it is parsed; ten segments have 1,530 characters.
LONGEST_READ = 10_000
HOURS = ("from", "until")
TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)
SHORTEN = gettext_lazy(
    "Shorten it: at most %(most)s segments go out as one message, which is "
    "1530 characters of the GSM alphabet or 670 of any other."
)
#: Messages a second; far above any provider's rate.
MOST_RATE = 1_000_000

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
    try:
        pieces = parse(normalised := normalise(text))
    except Malformed as error:
        raise _malformed(normalised, error) from None
    slots = placeholders(pieces)
    if least_segments_of(pieces) > MOST_SEGMENTS:
        raise ValidationError(SHORTEN % {"most": MOST_SEGMENTS})
    if len(slots) > MOST_PLACEHOLDERS:
        remedy = _("Use at most %(most)s placeholders.")
        raise ValidationError(remedy % {"most": MOST_PLACEHOLDERS})
    for name in dict.fromkeys(slot.name for slot in slots):
        if len(name) > LONGEST_NAME or not (name in FIELDS or is_attribute(name)):
            raise _unknown_name(name)
    return normalised


def _malformed(text: str, error: Malformed) -> ValidationError:
    remedy = _('Write a placeholder as {{ name }} or {{ name|default:"…" }}, not as %(this)s.')
    return ValidationError(remedy % {"this": error} + _did_you_mean(correct(text)))


def _unknown_name(name: str) -> ValidationError:
    """Return the error for a name that is neither a field nor an attribute of any client."""
    remedy = _("No client has an attribute %(name)r. Other names are %(known)s.")
    params = {"name": name[:LONGEST_NAME], "known": ", ".join(FIELDS)}
    meant = suggestion_for(name[:LONGEST_NAME], attribute_names())
    return ValidationError(remedy % params + _did_you_mean(f"{{{{ {meant} }}}}" if meant else ""))


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
