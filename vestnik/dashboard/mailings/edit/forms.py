"""A mailing as an operator writes it."""

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
from vestnik.mailings.rules import MOST_RATE, checked_hours, checked_text, text_warnings
from vestnik.one_line import unless_untouched

#: Of the mailing, which the form fills.
FIELDS = ("name", "text", "starts_at", "ends_at", "local_hours", "provider", "rate_limit")


HOURS_NOT_CHOSEN = gettext_lazy(
    "Hours are written, and “only in these hours” is not chosen: choose it, or empty the fields."
)
HOURS_ALIKE = gettext_lazy(
    "Choose another time than the first one, or “at any hour” for the whole day."
)
RATE_MISSING = gettext_lazy("Write how many a second at most, or choose “as fast as the provider”.")
RATE_NOT_CHOSEN = gettext_lazy(
    "A rate is written, and “at most” is not chosen: choose it, or empty the field."
)
ANY_HOUR, BETWEEN = "any", "between"
AS_THE_PROVIDER, LIMITED = "provider", "limit"
RATES = (
    (AS_THE_PROVIDER, gettext_lazy("as fast as the provider takes them")),
    (LIMITED, gettext_lazy("at most")),
)


class MailingForm(WindowForm):
    """All of a mailing but its audience, which has a form of its own."""

    name = forms.CharField(required=False, max_length=200, strip=False, label=gettext_lazy("Name"))
    text = forms.CharField(
        strip=False,
        label=gettext_lazy("Text"),
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"required": gettext_lazy("Write a text: an empty message is never sent.")},
    )
    confirm_text = forms.BooleanField(
        required=False, label=gettext_lazy("The text is meant as it is written")
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
        return checked_text(self.cleaned_data["text"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        self._clean_hours(cleaned)
        clean_rate(self, cleaned)
        return cleaned

    def to_the_second(self, field: str, chosen: datetime | None) -> datetime | None:
        """What was not touched keeps the seconds that the input does not show."""
        kept: datetime | None = getattr(self.mailing, field, None)
        minute = None if kept is None else kept.replace(second=0, microsecond=0)
        return kept if chosen is not None and chosen == minute else chosen

    def _clean_hours(self, cleaned: dict[str, Any]) -> None:
        """The hours that are chosen; an empty field is no choice."""
        written = {end: cleaned.get(f"hours_{end}", "") for end in ("from", "until")}
        cleaned["local_hours"] = None
        if cleaned.get("hours") == BETWEEN:
            cleaned["local_hours"] = self._checked_hours(written)
        elif any(written.values()):
            self.add_error("hours", HOURS_NOT_CHOSEN)

    def _checked_hours(self, written: Mapping[str, str]) -> dict[str, str] | None:
        """The hours; None where they are wrong, which their fields then say."""
        if written["from"] and written["from"] == written["until"]:
            self.add_error("hours_until", HOURS_ALIKE)
            return None
        try:
            return checked_hours(written)
        except ValidationError as error:
            for end, messages in error.message_dict.items():
                self.add_error(f"hours_{end}", messages)
        return None

    def is_confirmed(self) -> bool:
        """Whether the text of a valid form may be saved: what looks like a placeholder and is none
        is confirmed, or there before. Otherwise the form says what it is."""
        if self.asks_to_confirm:
            return False
        text: str = self.cleaned_data["text"]
        same = self.mailing is not None and self.mailing.text == text
        if same or self.cleaned_data["confirm_text"]:
            return True
        found = text_warnings(text)
        self.asks_to_confirm = bool(found)
        for warning in found:
            self.add_error("confirm_text", str(warning))
        return not found

    def mailing_fields(self) -> dict[str, Any]:
        """The fields of the mailing, once they are valid."""
        return {name: self.cleaned_data[name] for name in FIELDS}


def clean_rate(form: forms.Form, cleaned: dict[str, Any]) -> None:
    """The rate that is chosen; an empty field is no choice, and never "no limit"."""
    is_written = str(form["rate_limit"].value() or "").strip()
    if cleaned.get("rate") == LIMITED:
        if not is_written:
            form.add_error("rate_limit", RATE_MISSING)
    elif is_written:
        form.add_error("rate", RATE_NOT_CHOSEN)


def rate_of(mailing: Mailing) -> str:
    """Which of the rates a mailing has."""
    return LIMITED if mailing.rate_limit else AS_THE_PROVIDER


def copied(mailing: Mailing) -> dict[str, Any]:
    """What a copy begins with: all but the window, which is over."""
    return empty() | _is_name_taken(mailing)


def empty() -> dict[str, Any]:
    """What a new mailing begins with."""
    return {**default_window(), "hours": ANY_HOUR, "rate": AS_THE_PROVIDER}


def of(mailing: Mailing) -> dict[str, Any]:
    """What the page of a mailing that is there begins with."""
    window = {"starts": LATER, "starts_at": mailing.starts_at, "ends_at": mailing.ends_at}
    return {"token": new_token(), **_is_name_taken(mailing), **window}


def _is_name_taken(mailing: Mailing) -> dict[str, Any]:
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
