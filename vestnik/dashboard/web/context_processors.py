"""The frame of every page: the navigation, the theme, the time zone."""

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
    """An entry of the navigation: the URL name of its first page, its label and its icon."""

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
    """Return the context of `dashboard/base.html`."""
    role = getattr(getattr(request, "user", None), "role", "")
    return {
        "sections": SECTIONS,
        "languages": settings.LANGUAGES,  # each in its own language, never translated
        "theme": theme_of(request),
        "same_page": same_page(request),
        "zone": timezone.get_current_timezone_name(),
        "may_send": may(role, Action.SEND),
        "may_manage": may(role, Action.MANAGE),
        # A callable, so that the admin and the API's pages, which have no badge, run no query.
        "action_item_count": cache(count_action_items),
    }


def same_page(request: HttpRequest) -> str:
    """Return the URL of the current page; after a refused form, with its content."""
    if request.method == "POST":
        return getattr(request, "kept_at", "") or request.path
    return request.get_full_path()


def theme_of(request: HttpRequest) -> str:
    """Return the theme that the user chose in this browser; by default the system's."""
    chosen = request.COOKIES.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else "system"
