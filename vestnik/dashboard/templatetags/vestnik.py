"""Formats numbers, times, phone numbers and states. Built in: templates need no `{% load %}`."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from itertools import accumulate
from typing import Any

from django import template
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from vestnik.dashboard.web.form_idempotency import new_token, read_token
from vestnik.dashboard.wording import bidi
from vestnik.dashboard.wording.reasons import said
from vestnik.dashboard.wording.state_labels import MAILING_STATES, MESSAGE_STATES, OUTCOMES, ROLES
from vestnik.dashboard.wording.typed_numbers import with_decimal_sign
from vestnik.dispatch.read.progress import Outcome, not_sent, outcome_of
from vestnik.dispatch.states import MessageState
from vestnik.mailings.models import MailingState

register = template.Library()

# A narrow no-break space is usual in Russian typography; English has a comma.
SEPARATORS = {"ru": "\u202f", "en": ","}
NO_BREAK = "\u00a0"


@register.filter
def isolated(value: object) -> object:
    """Isolate the direction of a user's text, so that it cannot affect its neighbours."""
    return value if value is None else bidi.isolate(value)


@register.filter
def number(value: float | Decimal | None) -> str:
    """Format 1234567 as `1 234 567` in Russian, `1,234,567` in English; None as a dash.

    A float has the decimal sign of the language, and none if it is whole: `0,5` and `50`.
    """
    if value is None:
        return "–"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    plain = f"{value:,}".replace(",", SEPARATORS.get(translation.get_language() or "", ","))
    return plain if isinstance(value, int) else with_decimal_sign(plain)


@register.filter
def money(amount: Decimal) -> str:
    """Format an amount in roubles and kopecks; fractions of a kopeck in full."""
    rounded = amount.quantize(Decimal("0.01"))
    return f"{number(rounded if rounded == amount else amount.normalize())}{NO_BREAK}₽"


@register.filter
def percent(part: int, whole: int) -> str:
    """Format the share of `part` in `whole`; never `100 %` below it, nor `0 %` above nothing."""
    if not whole:
        return f"0{NO_BREAK}%"
    share = 100 * part / whole
    rounded = round(share)
    # 99.9 % is not all, and 0.1 % is not nothing.
    if 0 < part < whole:
        rounded = min(max(rounded, 1), 99)
    return f"{rounded}{NO_BREAK}%"


@register.filter
def phone(value: str) -> str:
    """Format 79261234567 as `7 926 123-45-67`, without line breaks."""
    if len(value) != 11:
        return value
    return f"{value[0]}{NO_BREAK}{value[1:4]}{NO_BREAK}{value[4:7]}-{value[7:9]}-{value[9:]}"


@register.filter
def instant(value: datetime | None, form: str = "minutes") -> SafeString | str:
    """Format a time in the user's zone as `<time>`; `form` is `minutes`, `seconds` or `time`.

    The year is included only if it is not the current one. The zone is in the footer of the page.
    """
    if value is None:
        return "–"
    local = timezone.localtime(value)
    return format_html(
        '<time datetime="{}">{}</time>', local.isoformat(timespec="seconds"), _shown(local, form)
    )


def _shown(local: datetime, form: str) -> str:
    clock = "H:i:s" if form in ("seconds", "time") else "H:i"
    if form == "time":
        return date_format(local, clock)
    year = "" if local.year == timezone.localtime().year else " Y"
    day = "j E" if translation.get_language() == "ru" else "j M"
    return date_format(local, f"{day}{year}, {clock}")


@register.filter
def duration(seconds: float | None) -> str:
    """Format seconds by the two largest units: `3 мин 20 с`."""
    if seconds is None:
        return "–"
    remaining, parts = round(seconds), list[tuple[int, str]]()
    for size, unit in _units():
        count, remaining = divmod(remaining, size)
        if count or parts:
            parts.append((count, unit))
    texts = [f"{count}{NO_BREAK}{unit}" for count, unit in parts[:2] if count]
    return " ".join(texts) or f"0{NO_BREAK}{_units()[-1][1]}"


def _units() -> tuple[tuple[int, str], ...]:
    day, hour, minute, second = (
        ("д", "ч", "мин", "с") if translation.get_language() == "ru" else ("d", "h", "min", "s")
    )
    return ((86_400, day), (3_600, hour), (60, minute), (1, second))


@register.filter
def message_state(state: str) -> SafeString:
    """Format a message's state: its colour with its word."""
    return format_html(
        '<span class="state"><i class="swatch {}" aria-hidden="true"></i>{}</span>',
        f"is-{state}",
        MESSAGE_STATES.get(state, state),
    )


@register.filter
def mailing_state(state: str) -> SafeString:
    """Format a mailing's state as a badge."""
    return format_html(
        '<span class="badge {}">{}</span>', f"is-{state}", MAILING_STATES.get(state, state)
    )


@register.simple_tag
def mailing_badge(state: str, progress: Mapping[str, int]) -> SafeString:
    """Format a mailing's state; a finished one is green only if its clients were reached."""
    outcome = outcome_of(progress) if state == MailingState.FINISHED else None
    if outcome is None or outcome is Outcome.GOOD:
        return mailing_state(state)
    kind = "is-bad" if outcome is Outcome.MOSTLY_NOT else "is-warning"
    return format_html('<span class="badge {}">{}</span>', kind, OUTCOMES[outcome])


@register.inclusion_tag("components/reach.html")
def reach(progress: Mapping[str, int]) -> dict[str, Any]:
    """Summarise who was reached and who was not, without queued messages."""
    parts = [
        (MESSAGE_STATES[MessageState.DELIVERED], progress[MessageState.DELIVERED], False),
        (MESSAGE_STATES[MessageState.SENT], progress[MessageState.SENT], False),
        (MESSAGE_STATES[MessageState.UNDELIVERED], progress[MessageState.UNDELIVERED], True),
        (MESSAGE_STATES[MessageState.UNKNOWN], progress[MessageState.UNKNOWN], True),
        (_("not sent"), not_sent(progress), True),
    ]
    return {"parts": [part for part in parts if part[1]]}


@register.filter
def reason(stored: str | None) -> str:
    """Format a reason in the reader's language."""
    return bidi.isolate(said(stored))


@register.filter
def role_name(role: str) -> str:
    """Format a role."""
    return str(ROLES.get(role, role))


@register.inclusion_tag("components/bar.html")
def bar(progress: Mapping[str, int], label: str = "", small: bool = False) -> dict[str, Any]:
    """Render the stacked bar of states."""
    segments = _segments(progress)
    return {"segments": segments, "matched": progress["matched"], "label": label, "small": small}


@register.inclusion_tag("components/counts.html")
def counts(progress: Mapping[str, int]) -> dict[str, Any]:
    """Render the count of every state, and whether they add up."""
    each = [(state, progress[state]) for state in MESSAGE_STATES]
    total = sum(count for _, count in each)
    matched = progress["matched"]
    return {"counts": each, "total": total, "matched": matched, "adds_up": total == matched}


def _segments(progress: Mapping[str, int]) -> list[dict[str, Any]]:
    whole = progress["matched"] or 1
    shares = [100 * progress[state] / whole for state in MESSAGE_STATES]
    starts = accumulate(shares, initial=0.0)
    return [
        {
            "state": state,
            "label": label,
            "x": f"{x:.3f}",
            "width": f"{share:.3f}",
            "share": _share_text(share),
        }
        for (state, label), x, share in zip(MESSAGE_STATES.items(), starts, shares, strict=False)
        if share
    ]


def _share_text(share: float) -> str:
    """Format a share in percent with one decimal; neither 0 nor 100 for a part of the whole."""
    return number(100 if share == 100 else min(max(round(share, 1), 0.1), 99.9))


@register.inclusion_tag("components/field.html")
def field(bound: Any, hint: str = "") -> dict[str, Any]:
    """Render a form field with its label, hint, input and errors."""
    described = [f"{bound.auto_id}-hint"] if hint or bound.help_text else []
    if bound.errors:
        described.append(f"{bound.auto_id}-error")
        bound.field.widget.attrs["aria-invalid"] = "true"
    if described:
        bound.field.widget.attrs["aria-describedby"] = " ".join(described)
    return {"field": bound, "hint": hint or bound.help_text}


@register.simple_tag(takes_context=True)
def form_token(context: template.Context) -> str:
    """Return the token under which the page's form is autosaved and submitted."""
    request = context["request"]
    restored = getattr(request, "restored", None)
    return str(read_token(request.POST) or (restored.token if restored else new_token()))


@register.simple_tag(takes_context=True)
def here(context: template.Context, name: str) -> str:
    """Return `page` for `aria-current` if the navigation's entry is the current section."""
    section = context.get("section") or getattr(context["request"].resolver_match, "url_name", "")
    return "page" if section == name else "false"
