"""Action items: what needs an operator's decision, the most serious first."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache

from vestnik.dispatch.read.action_item_rows import ActionItemRow, action_item_rows
from vestnik.mailings.window import RECEIPT_DAYS, database_now
from vestnik.providers.registry import aliases, describe
from vestnik.reasons.reason import Reason

#: Seconds for which the badge, shown on every page, is cached.
BADGE_SECONDS = 3


@dataclass(frozen=True, slots=True)
class ActionItem:
    """One action item.

    `kind` is `breaker`, `paused`, `unknown`, `missed`, or the kind of a finished mailing that
    matched no client. `mailing` is None for a breaker. `at` is the time of the breaker's next
    probe, or of the mailing's end.
    """

    kind: str
    mailing: int | None
    name: str
    provider: str
    count: int
    reason: str
    at: datetime | None


def action_items() -> list[ActionItem]:
    """Return all action items, without those that resolve themselves."""
    items = [_item_from(row) for row in action_item_rows(aliases())]
    now = database_now() if any(_may_resolve_itself(one) for one in items) else None
    return [one for one in items if not (now and _is_resolving_itself(one, now))]


def count_action_items() -> int:
    """Return the number of action items, for the badge in the navigation."""
    count: int | None = cache.get("decisions")
    if count is None:
        count = len(action_items())
        cache.set("decisions", count, BADGE_SECONDS)
    return count


def _item_from(row: ActionItemRow) -> ActionItem:
    reason = Reason.stored(row.reason, row.details) or ""
    return ActionItem(row.kind, row.id, row.name, row.alias, row.messages, reason, row.at)


def _may_resolve_itself(one: ActionItem) -> bool:
    if one.kind != "unknown" or one.provider not in aliases():
        return False
    provider: Any = describe(one.provider)
    return bool(provider.can_query or provider.in_doubt == "resend")


def _is_resolving_itself(one: ActionItem, now: datetime) -> bool:
    """Return whether the provider is being polled or the messages are resent automatically."""
    if not _may_resolve_itself(one) or one.at is None:
        return False
    return now < one.at + (timedelta(days=RECEIPT_DAYS if describe(one.provider).can_query else 0))
