"""The tabs of the settings, and the permission of each."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from vestnik.access.roles import Action, may
from vestnik.dashboard.web.decorators import OperatorRequest


@dataclass(frozen=True)
class Tab:
    """The URL name of a page, its label, and the permission that it requires."""

    name: str
    label: Promise
    action: Action = Action.SEE


TABS = (
    Tab("settings", _("Providers")),
    Tab("stop-words", _("Stop words")),
    Tab("users", _("Users"), Action.MANAGE),
    Tab("api-keys", _("API keys"), Action.MANAGE),
)


def show(
    request: OperatorRequest, tab: str, template: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    """Render a page of the settings, with the tabs that the user may open."""
    open_to = [each for each in TABS if may(request.user.role, each.action)]
    frame = {
        "section": "settings",
        "tab": tab,
        "tabs": open_to,
        "tabs_hidden": len(open_to) < len(TABS),
    }
    return render(request, f"dashboard/settings/{template}.html", frame | context, status=status)
