"""Action items in words, each with the page on which it is resolved."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from vestnik.dashboard.templatetags.vestnik import number
from vestnik.dashboard.wording.bidi import isolate
from vestnik.dashboard.wording.reasons import said
from vestnik.reports.action_items import count_action_items

__all__ = ["ActionItemText", "count_action_items", "describe"]

#: By kind: its label, its action, and the page of the action.
KINDS: Mapping[str, tuple[Promise, Promise, str]] = {
    "breaker": (gettext_lazy("on hold"), gettext_lazy("View"), "settings"),
    "paused": (gettext_lazy("paused automatically"), gettext_lazy("View"), "mailing-page"),
    "unknown": (pgettext_lazy("message", "unknown"), gettext_lazy("Decide"), "mailing-page"),
    "nobody": (gettext_lazy("no recipients"), gettext_lazy("Copy it"), "copy-mailing"),
    "missed": (gettext_lazy("missed"), gettext_lazy("Copy it"), "copy-mailing"),
}


@dataclass(frozen=True)
class ActionItemText:
    """An action item as the page shows it."""

    kind: Promise
    text: str
    more: str
    action: Promise
    href: str
    is_bad: bool


def describe(item: Mapping[str, Any]) -> ActionItemText:
    """Return the text of an `ActionItem`, given as its fields."""
    kind, action, address = KINDS[item["kind"]]
    href = reverse(address, args=[item["mailing"]] if item["mailing"] else [])
    anchor = "#unknown" if item["kind"] == "unknown" else ""
    reason = isolate(said(item["reason"]))
    return ActionItemText(
        kind, _text(item), reason, action, href + anchor, item["kind"] == "breaker"
    )


def _text(item: Mapping[str, Any]) -> str:
    name = isolate(item["name"]) or f"№ {item['mailing']}"
    match item["kind"]:
        case "breaker":
            text = _("Messages through %(provider)s wait, since the provider keeps failing")
            return text % {"provider": item["provider"]}
        case "paused":
            return _("“%(name)s” is paused") % {"name": name}
        case "nobody":
            text = _("“%(name)s” finished without a message: no client matched its conditions")
            return text % {"name": name}
        case "missed":
            return _("“%(name)s” was never sent: its window has passed") % {"name": name}
    text = ngettext(
        "%(shown)s message of “%(name)s” was handed over and never answered",
        "%(shown)s messages of “%(name)s” were handed over and never answered",
        item["count"],
    )
    return text % {"shown": number(item["count"]), "name": name}
