"""A mailing as an operator writes it."""

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from vestnik.dashboard.mailings.ways import provider_choices
from vestnik.dashboard.once import new_token
from vestnik.mailings.models import Mailing
from vestnik.mailings.rules import (
    MOST_RATE,
    check_ahead,
    check_window,
    checked_hours,
    checked_provider,
    checked_text,
    database_now,
)

MINUTES = "%Y-%m-%dT%H:%M"
NOW, LATER = "now", "later"
#: Nobody wants a message at night: a mailing ends at nine in the evening unless told otherwise.
EVENING = 21
LEAST_WINDOW = timedelta(hours=1)


class Moment(forms.DateTimeField):
    """An instant, written in the operator's zone."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=MINUTES)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(input_formats=[MINUTES, f"{MINUTES}:%S"], **kwargs)


def hour(label: Any) -> forms.CharField:
    """A time of the client's day."""
    widget = forms.TimeInput(attrs={"type": "time"})
    return forms.CharField(required=False, max_length=5, label=label, widget=widget)


class MailingForm(forms.Form):
    """All of a mailing but its audience, which has a form of its own."""

    token = forms.UUIDField(required=False, widget=forms.HiddenInput)
    name = forms.CharField(required=False, max_length=200, label=gettext_lazy("Name"))
    text = forms.CharField(
        strip=False,
        label=gettext_lazy("Text"),
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"required": gettext_lazy("Write a text: an empty message is never sent.")},
    )
    starts = forms.ChoiceField(
        choices=[(NOW, gettext_lazy("at once")), (LATER, gettext_lazy("later"))],
        widget=forms.RadioSelect,
        label=pgettext_lazy("window", "Start"),
    )
    starts_at = Moment(required=False, label=pgettext_lazy("window", "Start"))
    ends_at = Moment(label=pgettext_lazy("window", "End"))
    hours_from = hour(pgettext_lazy("hours", "from"))
    hours_until = hour(pgettext_lazy("hours", "until"))
    provider = forms.ChoiceField(label=gettext_lazy("Provider"))
    rate_limit = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=MOST_RATE,
        label=gettext_lazy("Rate limit"),
        widget=forms.NumberInput(attrs={"placeholder": gettext_lazy("as the provider’s")}),
    )

    def __init__(self, *args: Any, mailing: Mailing | None = None, **kwargs: Any) -> None:
        self.mailing = mailing
        super().__init__(*args, **kwargs)
        provider = self.fields["provider"]
        assert isinstance(provider, forms.ChoiceField)  # noqa: S101  (for the type checker)
        provider.choices = provider_choices(self._provider_so_far())

    def _provider_so_far(self) -> str:
        return str(self.initial.get("provider", "")) if self.mailing else ""

    def clean_text(self) -> str:
        return checked_text(self.cleaned_data["text"])

    def clean_provider(self) -> str:
        return checked_provider(self.cleaned_data["provider"])

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        self._clean_start(cleaned)
        self._clean_hours(cleaned)
        if cleaned.get("ends_at"):
            self._naming_fields(check_ahead, cleaned["ends_at"])
        if cleaned.get("ends_at") and cleaned.get("starts_at"):
            self._naming_fields(check_window, cleaned["starts_at"], cleaned["ends_at"])
        return cleaned

    def _clean_start(self, cleaned: dict[str, Any]) -> None:
        if cleaned.get("starts") == NOW:
            self.errors.pop("starts_at", None)  # what stands there is not asked
            cleaned["starts_at"] = database_now()
        elif not cleaned.get("starts_at") and "starts_at" not in self.errors:
            self.add_error("starts_at", _("Choose when it starts."))
        for field in ("starts_at", "ends_at"):
            cleaned[field] = self._to_the_second(field, cleaned.get(field))

    def _to_the_second(self, field: str, chosen: datetime | None) -> datetime | None:
        """What was not touched keeps the seconds that the input does not show."""
        kept: datetime | None = getattr(self.mailing, field, None)
        minute = None if kept is None else kept.replace(second=0, microsecond=0)
        return kept if chosen is not None and chosen == minute else chosen

    def _clean_hours(self, cleaned: dict[str, Any]) -> None:
        given = {end: cleaned.get(f"hours_{end}", "") for end in ("from", "until")}
        cleaned["local_hours"] = None
        if any(given.values()):
            try:
                cleaned["local_hours"] = checked_hours({e: time[:5] for e, time in given.items()})
            except ValidationError as error:
                for end, messages in error.message_dict.items():
                    self.add_error(f"hours_{end}", messages)

    def _naming_fields(self, check: Callable[..., None], *instants: datetime) -> None:
        try:
            check(*instants)
        except ValidationError as error:
            self.add_error(None, error)

    def mailing_fields(self) -> dict[str, Any]:
        """The fields of the mailing, once they are valid."""
        names = ("name", "text", "starts_at", "ends_at", "local_hours", "provider", "rate_limit")
        return {name: self.cleaned_data[name] for name in names}

    @property
    def used_token(self) -> uuid.UUID:
        """The token that the page was opened with; a new one where it came without."""
        return self.cleaned_data.get("token") or uuid.UUID(new_token())


def beginning() -> dict[str, Any]:
    """What a new mailing begins with: now, until the evening."""
    now = timezone.localtime().replace(second=0, microsecond=0)
    evening = now.replace(hour=EVENING, minute=0)
    if evening - now < LEAST_WINDOW:
        evening += timedelta(days=1)
    return {
        "token": new_token(),
        "starts": NOW,
        "starts_at": now,
        "ends_at": evening,
        "provider": settings.SMS_DEFAULT_PROVIDER,
    }


def copied(mailing: Mailing) -> dict[str, Any]:
    """What a copy begins with: all but the window, which is over."""
    return beginning() | _taken(mailing)


def of(mailing: Mailing) -> dict[str, Any]:
    """What the page of a mailing that is there begins with."""
    window = {"starts": LATER, "starts_at": mailing.starts_at, "ends_at": mailing.ends_at}
    return {"token": new_token(), **_taken(mailing), **window}


def _taken(mailing: Mailing) -> dict[str, Any]:
    hours: Mapping[str, str] = mailing.local_hours or {}
    return {
        "name": mailing.name,
        "text": mailing.text,
        "hours_from": hours.get("from"),
        "hours_until": hours.get("until"),
        "provider": mailing.provider,
        "rate_limit": mailing.rate_limit,
    }
