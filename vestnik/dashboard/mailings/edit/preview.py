"""What a mailing would do, beside the form that makes it: the right column of the page."""

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
from vestnik.dashboard.mailings.provider_choices import money, rate
from vestnik.dashboard.web.decorators import OperatorRequest, page
from vestnik.dashboard.wording import zones
from vestnik.mailings.models import Mailing
from vestnik.mailings.rules import database_now
from vestnik.mailings.template import least_segments_of
from vestnik.providers.registry import aliases
from vestnik.reports.mailing.preview import preview

REASONS: dict[str, Promise] = {
    "stop_list": _("on the stop list"),
    "no_sms": _("landline and toll-free numbers: they get no SMS"),
    "missing_value": _("no value for a placeholder, and no default"),
    "too_long": _("the text gets longer than 10 segments"),
    "empty_text": _("nothing of their text can be seen"),
    "never_open": _("their hours do not open before the end"),
}
#: What cannot be previewed as long as these are wrong.
TIMES = ("starts", "starts_at", "ends_at", "hours", "hours_from", "hours_until")
WAYS = ("provider", "rate_limit")
STAND_IN = "…"
#: Said in places of their own.
HIDDEN = ("token", "confirm_text")


@dataclass(frozen=True)
class Preview:
    """What is known of a mailing that need not be finished."""

    form: MailingForm
    audience: AudienceForm
    counted: Mapping[str, Any] = field(default_factory=dict)

    @property
    def excluded(self) -> Sequence[tuple[Promise, int]]:
        """Why how many get nothing."""
        found = self.counted["excluded"]
        return [(label, found[reason]) for reason, label in REASONS.items()]

    @property
    def condition_hints(self) -> Sequence[Hint]:
        """The conditions that may not mean what was meant, and why."""
        return condition_hints(self.audience.audience)

    @property
    def proof(self) -> str:
        """What the page carries that shows whom and how many it has counted."""
        return sign(self.audience.audience, self.counted["messages"])

    @property
    def has_hours(self) -> bool:
        return bool(self.form.cleaned_data.get("local_hours"))

    @property
    def zones(self) -> Mapping[str, Any]:
        """For how many the zone is assumed, which it is, and of when the zones by number are."""
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
        """What is still to be filled in, or wrong."""
        labels = {name: field.label for name, field in self.form.fields.items()}
        labels |= dict.fromkeys(("hours", "hours_from", "hours_until"), _("Client’s hours"))
        return list(
            dict.fromkeys(
                labels[name] for name in self.form.errors if name in labels and name not in HIDDEN
            )
        )

    @property
    def reasons(self) -> Sequence[tuple[Any, bool]]:
        """Each field of the left column, and whether to be quiet: what is still empty is no
        mistake while somebody writes."""
        fields = [self.form[name] for name in self.form.fields if name not in HIDDEN]
        return [(field, not str(field.data or "").strip()) for field in fields]

    @property
    def price(self) -> str:
        price: Decimal | None = self.counted["price"]
        return "" if price is None else money(price)

    @property
    def per_second(self) -> str:
        found = self.counted["forecast"].per_second
        return "" if found is None else rate(found)

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
    """The preview of a form as it was sent; what is wrong is left out of it."""
    form.is_valid()
    if "text" in form.cleaned_data:
        form.is_confirmed()
    if not audience.is_valid():
        return Preview(form, audience)
    return Preview(form, audience, preview(_build_mailing(form, audience)))


def _build_mailing(form: MailingForm, audience: AudienceForm) -> Mailing:
    """A mailing to count with, in which something stands in for what is wrong."""
    given = form.cleaned_data
    text = given.get("text") or STAND_IN
    now = database_now()
    window = {"starts_at": now, "ends_at": now + timedelta(days=1), "local_hours": None}
    if not any(name in form.errors for name in TIMES):
        window = {name: given[name] for name in window}
    way = {"provider": given.get("provider") or aliases()[0], "rate_limit": given.get("rate_limit")}
    segments = least_segments_of(text)
    return Mailing(text=text, filter=audience.audience, segments=segments, **window, **way)


@page(Action.SEND, methods=("POST",))
def preview_fragment(request: OperatorRequest) -> HttpResponse:
    """The right column for the form as it stands."""
    form = MailingForm(request.POST, initial=forms.empty())
    shown = build_preview(form, AudienceForm.submitted(request.POST))
    return render(request, "dashboard/mailings/preview.html", {"preview": shown, "is_live": True})


@page(Action.SEND, methods=("POST",))
def segments_fragment(request: OperatorRequest) -> HttpResponse:
    """The segment counter for the text as it stands."""
    context = {"segment_count": count_segments(request.POST.get("text", "")), "is_live": True}
    return render(request, "dashboard/mailings/segment_counter.html", context)
