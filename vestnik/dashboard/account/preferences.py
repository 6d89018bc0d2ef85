"""Preferences of a user: the time zone per account, language and theme per browser."""

from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpResponse
from django.utils.functional import lazy
from django.utils.translation import gettext_lazy as _

from vestnik.access.models import User
from vestnik.dashboard.web.context_processors import THEMES
from vestnik.dashboard.web.preferences import remember_language, remember_theme
from vestnik.dashboard.wording import zones

THEME_NAMES = dict(zip(THEMES, (_("Same as system"), _("Light"), _("Dark")), strict=True))


class PreferencesForm(forms.ModelForm):
    """The time zone, the language and the theme."""

    timezone = forms.ChoiceField(label=_("Time zone"), choices=lazy(zones.choices, list))
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    theme = forms.ChoiceField(label=_("Theme"), choices=list(THEME_NAMES.items()))

    class Meta:
        model = User
        fields = ("timezone",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["timezone"] = self.instance.timezone or zones.OWN

    def clean_timezone(self) -> str:
        zone: str = self.cleaned_data["timezone"]
        return "" if zone == zones.OWN else zone

    def remember(self, response: HttpResponse) -> HttpResponse:
        """Store language and theme in cookies, since they are per browser."""
        remember_language(response, self.cleaned_data["language"])
        remember_theme(response, self.cleaned_data["theme"])
        return response
