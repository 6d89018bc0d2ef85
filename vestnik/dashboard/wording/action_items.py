"""What wants a decision, in words, each with the address where it is decided."""

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

#: What a kind is called, and what is done about it where.
KINDS: Mapping[str, tuple[Promise, Promise, str]] = {
    "breaker": (gettext_lazy("held back"), gettext_lazy("Look at it"), "settings"),
    "paused": (gettext_lazy("paused automatically"), gettext_lazy("Look at it"), "mailing-page"),
    "unknown": (pgettext_lazy("message", "unknown"), gettext_lazy("Decide"), "mailing-page"),
    "nobody": (gettext_lazy("nobody matched"), gettext_lazy("Copy it"), "copy-mailing"),
    "missed": (gettext_lazy("missed"), gettext_lazy("Copy it"), "copy-mailing"),
}


@dataclass(frozen=True)
class ActionItemText:
    """A decision as it stands on the page."""

    kind: Promise
    text: str
    more: str
    action: Promise
    href: str
    is_bad: bool


def describe(found: Mapping[str, Any]) -> ActionItemText:
    """By the fields of a `ActionItem`."""
    kind, action, address = KINDS[found["kind"]]
    href = reverse(address, args=[found["mailing"]] if found["mailing"] else [])
    anchor = "#unknown" if found["kind"] == "unknown" else ""
    reason = isolate(said(found["reason"]))
    return ActionItemText(
        kind, _text(found), reason, action, href + anchor, found["kind"] == "breaker"
    )


def _text(found: Mapping[str, Any]) -> str:
    name = isolate(found["name"]) or f"№ {found['mailing']}"
    match found["kind"]:
        case "breaker":
            text = _("Messages by %(provider)s wait, since it fails one after the other")
            return text % {"provider": found["provider"]}
        case "paused":
            return _("“%(name)s” stands still") % {"name": name}
        case "nobody":
            text = _("“%(name)s” finished without a message: no client matched its conditions")
            return text % {"name": name}
        case "missed":
            return _("“%(name)s” was never sent: its whole window went by") % {"name": name}
    text = ngettext(
        "%(shown)s message of “%(name)s” was handed over and never answered",
        "%(shown)s messages of “%(name)s” were handed over and never answered",
        found["count"],
    )
    return text % {"shown": number(found["count"]), "name": name}
