"""What needs an operator's decision, the most serious first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache

from vestnik.db import sql
from vestnik.mailings.rules import database_now
from vestnik.providers.registry import aliases, describe
from vestnik.reasons.reason import Reason

#: Days for which a missed mailing is listed.
MISSED_DAYS = 3
#: Time after the end for which a provider's status query is polled.
STATUS_POLLED_FOR = timedelta(days=2)
#: Seconds for which the badge, shown on every page, is cached.
BADGE_SECONDS = 3

# By partial indexes alone: what is closed, settled and in good order costs nothing.
ACTION_ITEMS = f"""
SELECT 'breaker' AS kind, NULL::bigint AS id, '' AS name, alias, 0::bigint, reason,
    reason_details AS details, until
FROM dispatch_breaker WHERE state <> 'closed' AND alias = ANY(%(aliases)s)
UNION ALL
SELECT 'paused', id, name, provider, 0, state_reason, reason, ends_at
FROM mailings_mailing
WHERE state = 'paused' AND state_reason <> '' AND ends_at > clock_timestamp()
UNION ALL
SELECT 'unknown', m.id, m.name, m.provider, doubt.count, '', NULL,
    CASE WHEN m.state IN ('running', 'paused') THEN m.ends_at
    ELSE coalesce(m.finished_at, m.ends_at) END
FROM (
    SELECT mailing_id, sum(unknown) AS count FROM dispatch_batch
    WHERE unknown > 0 GROUP BY mailing_id
) doubt JOIN mailings_mailing m ON m.id = doubt.mailing_id WHERE NOT m.is_test
UNION ALL
SELECT 'missed', id, name, provider, 0, '', NULL, ends_at FROM mailings_mailing
WHERE state = 'missed' AND finished_at > clock_timestamp() - interval '{MISSED_DAYS} days'
UNION ALL
SELECT 'nobody', id, name, provider, 0, '', NULL, finished_at FROM mailings_mailing m
WHERE state = 'finished' AND finished_at > clock_timestamp() - interval '{MISSED_DAYS} days'
    AND NOT is_test AND NOT EXISTS (SELECT FROM dispatch_batch b WHERE b.mailing_id = m.id)
"""


@dataclass(frozen=True, slots=True)
class ActionItem:
    """`kind` is `breaker`, `paused`, `unknown`, `missed` or `nobody`, which is finished and matched
    nobody; `at` is when it opens again, or ends, or ended. Of a breaker there is no mailing."""

    kind: str
    mailing: int | None
    name: str
    provider: str
    count: int
    reason: str
    at: datetime | None


def action_items() -> list[ActionItem]:
    """Return all action items."""
    items = [_item_from(row) for row in sql.rows(ACTION_ITEMS, {"aliases": list(aliases())})]
    now = database_now() if any(_may_resolve_itself(one) for one in items) else None
    return [one for one in items if not (now and _is_resolving_itself(one, now))]


def count_action_items() -> int:
    """Return their number, for the badge in the navigation."""
    count: int | None = cache.get("decisions")
    if count is None:
        count = len(action_items())
        cache.set("decisions", count, BADGE_SECONDS)
    return count


def _item_from(row: Sequence[Any]) -> ActionItem:
    kind, mailing, name, alias, count, text, details, at = row
    reason = Reason.stored(text, details) or ""
    return ActionItem(kind, mailing, name, alias, count, reason, at)


def _may_resolve_itself(one: ActionItem) -> bool:
    if one.kind != "unknown" or one.provider not in aliases():
        return False
    provider: Any = describe(one.provider)
    return bool(provider.can_query or provider.in_doubt == "resend")


def _is_resolving_itself(one: ActionItem, now: datetime) -> bool:
    """Return whether the provider is being polled or the messages are resent automatically."""
    if not _may_resolve_itself(one) or one.at is None:
        return False
    return now < one.at + (STATUS_POLLED_FOR if describe(one.provider).can_query else timedelta())
