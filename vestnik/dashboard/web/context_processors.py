"""What surrounds every page: the navigation, the theme, the zone of its times."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from vestnik.access.roles import Action, may
from vestnik.dashboard.wording.action_items import count_action_items

THEMES = ("system", "light", "dark")
THEME_COOKIE = "theme"


@dataclass(frozen=True)
class Section:
    """A part of the navigation: the name of its first page, and what it is called."""

    name: str
    label: Promise
    icon: str


SECTIONS = (
    Section("overview", _("Overview"), "overview"),
    Section("mailing-list", _("Mailings"), "mailings"),
    Section("client-list", _("Clients"), "clients"),
    Section("stop-list-page", _("Stop list"), "stop"),
    Section("settings", _("Settings"), "settings"),
)


def page_frame(request: HttpRequest) -> dict[str, Any]:
    """The context of `dashboard/base.html`."""
    role = getattr(getattr(request, "user", None), "role", "")
    return {
        "sections": SECTIONS,
        "languages": settings.LANGUAGES,  # each in its own words, so never translated
        "theme": theme_of(request),
        "same_page": same_page(request),
        "zone": timezone.get_current_timezone_name(),
        "may_send": may(role, Action.SEND),
        "may_manage": may(role, Action.MANAGE),
        # Counted only where it is shown: the admin and the API's pages have no badge.
        "action_item_count": cache(count_action_items),
    }


def same_page(request: HttpRequest) -> str:
    """The address that opens what is shown: of a form that was refused, with what is written."""
    if request.method == "POST":
        return getattr(request, "kept_at", "") or request.path
    return request.get_full_path()


def theme_of(request: HttpRequest) -> str:
    """What the user chose on this device; the system's own where they did not."""
    chosen = request.COOKIES.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else "system"
