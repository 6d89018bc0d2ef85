"""The form of a mailing."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy, pgettext_lazy

from vestnik.dashboard.mailings.edit.window import LATER, WindowForm, default_window
from vestnik.dashboard.web.form_idempotency import new_token
from vestnik.dashboard.wording.moments import Hour, WholeNumber
from vestnik.mailings.models import Mailing
from vestnik.mailings.rules import MOST_RATE, validate_hours, validate_text
from vestnik.mailings.text_warnings import text_warnings
from vestnik.one_line import unless_untouched

#: The fields of a mailing that the form fills.
FIELDS = ("name", "text", "starts_at", "ends_at", "local_hours", "provider", "rate_limit")


HOURS_NOT_CHOSEN = gettext_lazy(
    "Hours are entered, but “only in these hours” is not chosen: choose it, or clear the fields."
)
RATE_MISSING = gettext_lazy(
    "Enter the maximum per second, or choose “as fast as the provider takes them”."
)
HOURS_ALIKE = gettext_lazy(
    "Choose another time than the first one, or “at any hour” for the whole day."
)
RATE_NOT_CHOSEN = gettext_lazy(
    "A rate is entered, but “at most” is not chosen: choose it, or clear the field."
)
ANY_HOUR, BETWEEN = "any", "between"
AS_THE_PROVIDER, LIMITED = "provider", "limit"
RATES = (
    (AS_THE_PROVIDER, gettext_lazy("as fast as the provider takes them")),
    (LIMITED, gettext_lazy("at most")),
)


class MailingForm(WindowForm):
    """A mailing without its audience, which has a form of its own."""

    name = forms.CharField(required=False, max_length=200, strip=False, label=gettext_lazy("Name"))
    text = forms.CharField(
        strip=False,
        label=gettext_lazy("Text"),
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"required": gettext_lazy("Write a text: an empty message is never sent.")},
    )
    confirm_text = forms.BooleanField(
        required=False, label=gettext_lazy("Send the text as it is written")
    )
    hours = forms.ChoiceField(
        choices=[
            (ANY_HOUR, gettext_lazy("at any hour")),
            (BETWEEN, gettext_lazy("only in these hours")),
        ],
        widget=forms.RadioSelect,
        label=gettext_lazy("Client’s hours"),
    )
    hours_from = Hour(label=pgettext_lazy("hours", "from"))
    hours_until = Hour(label=pgettext_lazy("hours", "until"))
    rate = forms.ChoiceField(
        choices=RATES,
        widget=forms.RadioSelect,
        label=gettext_lazy("Rate"),
    )
    rate_limit = WholeNumber(
        required=False,
        min_value=1,
        max_value=MOST_RATE,
        label=gettext_lazy("Messages a second"),
    )

    def __init__(self, *args: Any, mailing: Mailing | None = None, **kwargs: Any) -> None:
        self.mailing = mailing
        #: Whether the text has to be confirmed before it is saved.
        self.asks_to_confirm = False
        super().__init__(*args, provider=mailing.provider if mailing else "", **kwargs)

    def clean_name(self) -> str:
        return unless_untouched(self.cleaned_data["name"], self.initial.get("name") or "")

    def clean_text(self) -> str:
        return validate_text(self.cleaned_data["text"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        self._clean_hours(cleaned)
        clean_rate(self, cleaned)
        return cleaned

    def to_the_second(self, field: str, chosen: datetime | None) -> datetime | None:
        """Return the chosen time; an unchanged one keeps its seconds, which the input hides."""
        stored: datetime | None = getattr(self.mailing, field, None)
        minute = None if stored is None else stored.replace(second=0, microsecond=0)
        return stored if chosen is not None and chosen == minute else chosen

    def _clean_hours(self, cleaned: dict[str, Any]) -> None:
        """Set the chosen hours; an empty field is an error, not "any hour"."""
        typed_hours = {end: cleaned.get(f"hours_{end}", "") for end in ("from", "until")}
        cleaned["local_hours"] = None
        if cleaned.get("hours") == BETWEEN:
            cleaned["local_hours"] = self._validate_hours(typed_hours)
        elif any(typed_hours.values()):
            self.add_error("hours", HOURS_NOT_CHOSEN)

    def _validate_hours(self, typed_hours: Mapping[str, str]) -> dict[str, str] | None:
        """Return the hours; if they are invalid, add the errors to their fields and return None."""
        if typed_hours["from"] and typed_hours["from"] == typed_hours["until"]:
            self.add_error("hours_until", HOURS_ALIKE)
            return None
        try:
            return validate_hours(typed_hours)
        except ValidationError as error:
            for end, messages in error.message_dict.items():
                self.add_error(f"hours_{end}", messages)
        return None

    def is_confirmed(self) -> bool:
        """Return whether the text of a valid form may be saved.

        Parts that look like placeholders and are none must be confirmed or unchanged; if not, they
        are added as errors.
        """
        if self.asks_to_confirm:
            return False
        text: str = self.cleaned_data["text"]
        same = self.mailing is not None and self.mailing.text == text
        if same or self.cleaned_data["confirm_text"]:
            return True
        suspicious = text_warnings(text)
        self.asks_to_confirm = bool(suspicious)
        for warning in suspicious:
            self.add_error("confirm_text", str(warning))
        return not suspicious

    def mailing_fields(self) -> dict[str, Any]:
        """Return the fields of the mailing, once they are valid."""
        return {name: self.cleaned_data[name] for name in FIELDS}


def clean_rate(form: forms.Form, cleaned: dict[str, Any]) -> None:
    """Validate the chosen rate; an empty field is an error, never "no limit"."""
    is_written = str(form["rate_limit"].value() or "").strip()
    if cleaned.get("rate") == LIMITED:
        if not is_written:
            form.add_error("rate_limit", RATE_MISSING)
    elif is_written:
        form.add_error("rate", RATE_NOT_CHOSEN)


def rate_of(mailing: Mailing) -> str:
    """Return the choice that matches a mailing's rate."""
    return LIMITED if mailing.rate_limit else AS_THE_PROVIDER


def copied(mailing: Mailing) -> dict[str, Any]:
    """Return the initial values of a copy: everything except the window, which has passed."""
    return empty() | _copied_fields(mailing)


def empty() -> dict[str, Any]:
    """Return the initial values of a new mailing."""
    return {**default_window(), "hours": ANY_HOUR, "rate": AS_THE_PROVIDER}


def of(mailing: Mailing) -> dict[str, Any]:
    """Return the initial values for an existing mailing."""
    window = {"starts": LATER, "starts_at": mailing.starts_at, "ends_at": mailing.ends_at}
    return {"token": new_token(), **_copied_fields(mailing), **window}


def _copied_fields(mailing: Mailing) -> dict[str, Any]:
    hours: Mapping[str, str] = mailing.local_hours or {}
    return {
        "name": mailing.name,
        "text": mailing.text,
        "hours": BETWEEN if hours else ANY_HOUR,
        "rate": rate_of(mailing),
        "hours_from": hours.get("from"),
        "hours_until": hours.get("until"),
        "provider": mailing.provider,
        "rate_limit": mailing.rate_limit,
    }
