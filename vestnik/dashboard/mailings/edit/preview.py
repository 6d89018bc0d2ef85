"""The preview of a mailing beside its form: the right column of the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from vestnik.access.roles import Action
from vestnik.audience.numbering.register import published
from vestnik.dashboard.audience_builder.builder import AudienceForm
from vestnik.dashboard.audience_builder.condition_hints import Hint, condition_hints
from vestnik.dashboard.mailings.edit import forms
from vestnik.dashboard.mailings.edit.forms import MailingForm
from vestnik.dashboard.mailings.edit.segment_counter import count_segments
from vestnik.dashboard.mailings.edit.signed_previews import sign
from vestnik.dashboard.mailings.provider_choices import rate
from vestnik.dashboard.templatetags.vestnik import money
from vestnik.dashboard.web.decorators import OperatorRequest, page
from vestnik.dashboard.wording import zones
from vestnik.mailings.models import Mailing
from vestnik.mailings.text import least_segments_of, parse
from vestnik.mailings.window import database_now
from vestnik.providers.registry import aliases
from vestnik.reports.mailing.preview import preview

REASONS: dict[str, Promise] = {
    "stop_list": _("on the stop list"),
    "no_sms": _("landline and toll-free numbers: they get no SMS"),
    "missing_value": _("no value for a placeholder, and no default"),
    "too_long": _("the text is longer than 10 segments"),
    "empty_text": _("the text would be empty"),
    "never_open": _("their hours do not open before the end"),
}
#: The fields that the forecast depends on.
TIMES = ("starts", "starts_at", "ends_at", "hours", "hours_from", "hours_until")
WAYS = ("provider", "rate_limit")
STAND_IN = "…"
#: Fields whose errors are shown elsewhere.
HIDDEN = ("token", "confirm_text")


@dataclass(frozen=True)
class Preview:
    """The preview of a mailing that may be incomplete."""

    form: MailingForm
    audience: AudienceForm
    counted: Mapping[str, Any] = field(default_factory=dict)

    @property
    def excluded(self) -> Sequence[tuple[Promise, int]]:
        """The reasons for excluding clients, with their numbers."""
        excluded = self.counted["excluded"]
        return [(label, excluded[reason]) for reason, label in REASONS.items()]

    @property
    def condition_hints(self) -> Sequence[Hint]:
        """The conditions that may not have the intended effect, with the hints."""
        return condition_hints(self.audience.audience)

    @property
    def proof(self) -> str:
        """The signed count for the page."""
        return sign(self.audience.audience, self.counted["messages"])

    @property
    def has_hours(self) -> bool:
        return bool(self.form.cleaned_data.get("local_hours"))

    @property
    def zones(self) -> Mapping[str, Any]:
        """How many zones are assumed, which zone that is, and the date of the register."""
        return {
            "assumed": self.counted["timezone_assumed"],
            "zone": zones.labelled(settings.TIME_ZONE, timezone.now()),
            "published": published(),
        }

    @property
    def has_text(self) -> bool:
        return "text" in self.form.cleaned_data

    @property
    def has_times(self) -> bool:
        return not any(name in self.form.errors for name in TIMES)

    @property
    def wrong(self) -> Sequence[Any]:
        """The labels of missing or invalid fields."""
        labels = {name: field.label for name, field in self.form.fields.items()}
        labels |= dict.fromkeys(("hours", "hours_from", "hours_until"), _("Client’s hours"))
        return list(
            dict.fromkeys(
                labels[name] for name in self.form.errors if name in labels and name not in HIDDEN
            )
        )

    @property
    def reasons(self) -> Sequence[tuple[Any, bool]]:
        """The fields of the left column, and whether to hide the error.

        An empty field is no mistake yet while the user is writing.
        """
        fields = [self.form[name] for name in self.form.fields if name not in HIDDEN]
        return [(field, not str(field.data or "").strip()) for field in fields]

    @property
    def price(self) -> str:
        price: Decimal | None = self.counted["price"]
        return "" if price is None else money(price)

    @property
    def per_second(self) -> str:
        expected_rate = self.counted["forecast"].per_second
        return "" if expected_rate is None else rate(expected_rate)

    @property
    def takes(self) -> float | None:
        """Seconds from the start to the last message."""
        finishes = self.counted["forecast"].finishes_at
        return None if finishes is None else max(0.0, (finishes - self._begins).total_seconds())

    @property
    def spare(self) -> float | None:
        """Seconds from the last message to the end."""
        finishes = self.counted["forecast"].finishes_at
        return None if finishes is None else (self.ends_at - finishes).total_seconds()

    @property
    def starts_at_once(self) -> bool:
        return self._starts_at <= database_now()

    @property
    def starts_at(self) -> datetime:
        return self._starts_at

    @property
    def ends_at(self) -> datetime:
        ends_at: datetime = self.form.cleaned_data["ends_at"]
        return ends_at

    @property
    def _starts_at(self) -> datetime:
        starts_at: datetime = self.form.cleaned_data["starts_at"]
        return starts_at

    @property
    def _begins(self) -> datetime:
        return max(self._starts_at, database_now())


def build_preview(form: MailingForm, audience: AudienceForm) -> Preview:
    """Return the preview of a submitted form; invalid parts are left out."""
    form.is_valid()
    if "text" in form.cleaned_data:
        form.is_confirmed()
    if not audience.is_valid():
        return Preview(form, audience)
    return Preview(form, audience, preview(_build_mailing(form, audience)))


def _build_mailing(form: MailingForm, audience: AudienceForm) -> Mailing:
    """Return a mailing to count with, in which invalid fields have stand-ins."""
    values = form.cleaned_data
    text = values.get("text") or STAND_IN
    now = database_now()
    window = {"starts_at": now, "ends_at": now + timedelta(days=1), "local_hours": None}
    if not any(name in form.errors for name in TIMES):
        window = {name: values[name] for name in window}
    sending = {
        "provider": values.get("provider") or aliases()[0],
        "rate_limit": values.get("rate_limit"),
    }
    segments = least_segments_of(parse(text))
    return Mailing(text=text, filter=audience.audience, segments=segments, **window, **sending)


@page(Action.SEND, methods=("POST",))
def preview_fragment(request: OperatorRequest) -> HttpResponse:
    """Return the right column for the current form."""
    form = MailingForm(request.POST, initial=forms.empty())
    current = build_preview(form, AudienceForm.submitted(request.POST))
    return render(request, "dashboard/mailings/preview.html", {"preview": current, "is_live": True})


@page(Action.SEND, methods=("POST",))
def segments_fragment(request: OperatorRequest) -> HttpResponse:
    """Return the segment counter for the current text."""
    context = {"segment_count": count_segments(request.POST.get("text", "")), "is_live": True}
    return render(request, "dashboard/mailings/segment_counter.html", context)
