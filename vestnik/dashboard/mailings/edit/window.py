"""The window and the provider: the common fields of forms that create a mailing."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from vestnik.dashboard.mailings.provider_choices import provider_choices
from vestnik.dashboard.web.form_idempotency import IdempotentForm, new_token
from vestnik.dashboard.wording.moments import EVENING, Moment
from vestnik.mailings.rules import validate_provider
from vestnik.mailings.window import check_ahead, check_window, database_now

NOW, LATER = "now", "later"
#: If less is left until the evening, the default end is the next evening.
MIN_WINDOW = timedelta(hours=1)


class WindowForm(IdempotentForm):
    """The start (at once or later), the end and the provider; its token makes it idempotent."""

    starts = forms.ChoiceField(
        choices=[(NOW, gettext_lazy("at once")), (LATER, gettext_lazy("later"))],
        widget=forms.RadioSelect,
        label=pgettext_lazy("window", "Start"),
    )
    starts_at = Moment(required=False, label=gettext_lazy("Time of the start"))
    ends_at = Moment(label=pgettext_lazy("window", "End"))
    provider = forms.ChoiceField(label=gettext_lazy("Provider"))

    def __init__(self, *args: Any, provider: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.choose("provider", provider_choices(provider))
        if self.is_bound or not self.initial.get("follows_start"):
            # An end that the user has chosen does not follow the start, see moments.js.
            self.fields["ends_at"].widget.attrs["data-chosen"] = "1"

    def choose(self, name: str, choices: list[tuple[str, Any]]) -> None:
        """Set the choices of the field."""
        cast(forms.ChoiceField, self.fields[name]).choices = choices

    def clean_provider(self) -> str:
        return validate_provider(self.cleaned_data["provider"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("starts") == NOW:
            self._refuse_both()
            cleaned["starts_at"] = database_now()
        elif not cleaned.get("starts_at") and "starts_at" not in self.errors:
            self.add_error("starts_at", _("Choose when it starts."))
        # Inputs show minutes, and an unchanged time must keep its seconds.
        for field in ("starts_at", "ends_at"):
            cleaned[field] = self.to_the_second(field, cleaned.get(field))
        if cleaned.get("ends_at"):
            self._naming_fields(check_ahead, cleaned["ends_at"])
        if cleaned.get("ends_at") and cleaned.get("starts_at"):
            self._naming_fields(check_window, cleaned["starts_at"], cleaned["ends_at"])
        return cleaned

    def _refuse_both(self) -> None:
        """Refuse "at once" together with a time, since it is unclear which is meant."""
        if str(self["starts_at"].value() or "").strip():
            self.errors.pop("starts_at", None)
            self.add_error("starts_at", BOTH_STARTS)

    def to_the_second(self, field: str, chosen: datetime | None) -> datetime | None:
        """Return the chosen time, which the input shows to the minute."""
        return chosen

    def _naming_fields(self, check: Callable[..., None], *instants: datetime) -> None:
        try:
            check(*instants)
        except ValidationError as error:
            self.add_error(None, error)


BOTH_STARTS = gettext_lazy(
    "A time is entered, but “at once” is chosen: choose “later”, or clear the field."
)
ALREADY_CREATED = gettext_lazy(
    "This page has already created mailing № %(made)s, and no other one was created now. To "
    "create another mailing from this page, press again."
)


def default_window() -> dict[str, Any]:
    """Return the initial values of a new mailing: at once, until the evening."""
    now = timezone.localtime().replace(second=0, microsecond=0)
    evening = now.replace(hour=EVENING, minute=0)
    if evening - now < MIN_WINDOW:
        evening += timedelta(days=1)
    return {
        "token": new_token(),
        "starts": NOW,
        "ends_at": evening,
        "follows_start": True,
        "provider": settings.SMS_DEFAULT_PROVIDER,
    }
