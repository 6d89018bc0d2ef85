"""Text fields for times, parsed by the server.

The browser's own fields for dates and numbers are not used: they submit what they cannot parse as
empty, and format dates in the browser's language instead of the page's.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone as zones_of_django
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from vestnik.dashboard.wording.zones import here, offset

FORMATS = {"ru": "%d.%m.%Y %H:%M", "en": "%Y-%m-%d %H:%M"}
#: Characters of a typed time.
LONGEST = 60
#: The field with the zone of a form's times.
PAGE_ZONE = "page_zone"
DAY_FIRST = r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})"
YEAR_FIRST = r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})"
CLOCK = r"(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?::(?P<second>\d{2}))?"
#: An optional offset, which decides a repeated hour.
AHEAD = r"(?:\s*(?:UTC|GMT)?(?P<sign>[+\-−])(?P<hours>\d{1,2})(?::?(?P<minutes>\d{2}))?)?"
TYPED_FORMATS = tuple(
    re.compile(rf"{day}(?:T|,?\s+){CLOCK}{AHEAD}", re.ASCII | re.IGNORECASE)
    for day in (DAY_FIRST, YEAR_FIRST)
)
NAMES = ("year", "month", "day", "hour", "minute", "second")
HOUR = re.compile(r"(\d{1,2})(?:[:.](\d{2})(?::\d{2})?)?", re.ASCII)
#: Digits, or groups of three with spaces.
WHOLE = re.compile(r"\d{1,9}|\d{1,3}(?:[ \u00a0\u202f]\d{3})+", re.ASCII)
# Hours of the quick choices: a start in the morning, an end in the evening.
MORNING, EVENING = 10, 21


def format_moment(instant: datetime) -> str:
    """Return the time as the page's field shows it; a repeated hour with its UTC offset."""
    local = zones_of_django.localtime(instant)
    text = local.strftime(FORMATS[_language()])
    if _is_repeated(local):
        text += f" {offset(zones_of_django.get_current_timezone_name(), instant)}"
    return text


def parse_moment(text: str) -> datetime:
    """Return the time, in the page's zone unless the text has an offset. Raises ValidationError."""
    match = next(filter(None, (form.fullmatch(text.strip()) for form in TYPED_FORMATS)), None)
    try:
        parts = {} if match is None else match.groupdict()
        year, month, day, hour, minute, second = (int(parts[name] or 0) for name in NAMES)
        wall = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001  (placed next)
        instant = _localize(wall, parts)
        instant.astimezone(UTC)
    except (KeyError, ValueError, OverflowError):
        now = zones_of_django.localtime().strftime(FORMATS[_language()])
        raise ValidationError(
            _("Enter a valid date/time, written as %(example)s.") % {"example": now}
        ) from None
    return instant


def _localize(wall: datetime, parts: dict[str, Any]) -> datetime:
    if parts["sign"]:
        ahead = timedelta(hours=int(parts["hours"]), minutes=int(parts["minutes"] or 0))
        return wall.replace(tzinfo=timezone(ahead if parts["sign"] == "+" else -ahead))
    local = wall.replace(tzinfo=zones_of_django.get_current_timezone())
    # A time in the gap of a clock change does not survive the round trip.
    if local.astimezone(UTC).astimezone(local.tzinfo).replace(tzinfo=None) != wall:
        raise ValidationError(_("The clocks are put forward then, and this time does not exist."))
    if _is_repeated(local):
        raise ValidationError(_ambiguous_choices(local))
    return local


def _is_repeated(local: datetime) -> bool:
    first, second = local.replace(fold=0), local.replace(fold=1)
    return (first.utcoffset() or timedelta()) > (second.utcoffset() or timedelta())


def _ambiguous_choices(local: datetime) -> str:
    name = zones_of_django.get_current_timezone_name()
    offsets = (offset(name, local.replace(fold=fold)) for fold in (0, 1))
    params = dict(zip(("first", "second"), offsets, strict=True))
    return (
        _(
            "The clocks are put back then, and this hour comes twice: "
            "write %(first)s or %(second)s after it."
        )
        % params
    )


class MomentInput(forms.TextInput):
    """A text field with the page's zone beside it; scripts add a calendar and quick choices."""

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        widget_attrs = context["widget"]["attrs"]
        described = [
            widget_attrs.get("aria-describedby", ""),
            f"{widget_attrs.get('id', name)}-zone",
        ]
        widget_attrs["aria-describedby"] = " ".join(filter(None, described))
        widget_attrs.update(autocomplete="off", maxlength=str(LONGEST), inputmode="text")
        widget_attrs["placeholder"] = zones_of_django.localtime().strftime(FORMATS[_language()])
        return context

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        id = (attrs or {}).get("id", name)
        return format_html(
            '<span class="moment" data-moment data-zone="{}" data-order="{}"{}>{}'
            '<span class="chips" data-choices hidden>{}</span>'
            '<span class="hint" id="{}-zone"><span data-offset>{}</span></span>'
            '<input type="hidden" name="{}" value="{}"></span>',
            zones_of_django.get_current_timezone_name(),
            "dmy" if _language() == "ru" else "ymd",
            _labels(),
            super().render(name, value, attrs, renderer),
            _choices(name),
            id,
            here(_instant_of(value)),
            PAGE_ZONE,
            zones_of_django.get_current_timezone_name(),
        )


def _labels() -> SafeString:
    """Return the labels of the calendar's buttons."""
    labels = {
        "calendar": _("Choose in a calendar"),
        "back": _("Previous month"),
        "on": _("Next month"),
        "close": _("Close"),
        "time": _("Time"),
        "wrong": _("Write the time as HH:MM, from 00:00 to 23:59."),
    }
    return format_html_join("", ' data-label-{}="{}"', labels.items())


def _choices(name: str) -> SafeString:
    buttons = '<button type="button" class="link" data-set="{}">{}</button> '
    return format_html_join(
        "", buttons, ((format_moment(at), label) for label, at in quick_choices(name))
    )


def quick_choices(name: str) -> Sequence[tuple[str, datetime]]:
    """Return frequent times with labels: the morning for a start, the evening for an end."""
    now = zones_of_django.localtime()
    hour = EVENING if name.endswith("ends_at") else MORNING
    days = {0: _("today"), 1: _("tomorrow")}
    days.setdefault(7 - now.weekday(), _("on Monday"))
    choices = []
    for days_ahead, word in days.items():
        day = now + timedelta(days=days_ahead)
        at = day.replace(hour=hour, minute=0, second=0, microsecond=0, fold=0)
        if at > now + timedelta(minutes=30):
            choices.append((f"{word} {hour}:00", at))
    return choices


def _instant_of(value: Any) -> datetime | None:
    try:
        return parse_moment(str(value)) if value else None
    except ValidationError:
        return None


class Moment(forms.Field):
    """A time in the user's zone."""

    widget = MomentInput

    def prepare_value(self, value: Any) -> Any:
        return format_moment(value) if isinstance(value, datetime) else value

    def to_python(self, value: Any) -> datetime | None:
        if value in self.empty_values:
            return None
        return parse_moment(str(value)[:LONGEST])


class Hour(forms.CharField):
    """A time of the client's day; accepts `9`, `09:00` and `9.30`."""

    def __init__(self, **kwargs: Any) -> None:
        attrs = {"inputmode": "numeric", "placeholder": "09:00", "autocomplete": "off"}
        widget = forms.TextInput(attrs=attrs)
        super().__init__(required=False, max_length=20, widget=widget, **kwargs)

    def to_python(self, value: Any) -> str:
        text = str(super().to_python(value) or "")
        match = HOUR.fullmatch(text)
        return f"{int(match[1]):02}:{match[2] or '00'}" if match else text


class WholeNumber(forms.IntegerField):
    """A number that may contain spaces; anything else is an error, never "none"."""

    widget = forms.TextInput

    def to_python(self, value: Any) -> int | None:
        text = str(value if value is not None else "").strip()
        if text and not WHOLE.fullmatch(text):
            raise ValidationError(_("Write a whole number in digits, for example 100."))
        return super().to_python("".join(filter(str.isdigit, text)))

    def widget_attrs(self, widget: Any) -> dict[str, Any]:
        return {"inputmode": "numeric", "autocomplete": "off", "maxlength": "20"}


def _language() -> str:
    return "ru" if get_language() == "ru" else "en"
