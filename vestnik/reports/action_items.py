"""What wants a decision of an operator, the gravest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache

from vestnik.db import sql
from vestnik.mailings.rules import database_now
from vestnik.providers.registry import aliases, describe
from vestnik.reasons.reason import Reason

#: A missed mailing is told of for so long: by then somebody has seen it, or it is too late.
MISSED_DAYS = 3
#: A provider that can tell is asked for so long after the end.
ASKED_FOR = timedelta(days=2)
#: The badge stands on every page, and may be late by so many seconds.
BADGE_SECONDS = 3

# By partial indexes alone: what is closed, settled and in good order costs nothing.
WAITING = f"""
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
class Decision:
    """`kind` is `breaker`, `paused`, `unknown`, `missed` or `nobody`, which is finished and matched
    nobody; `at` is when it opens again, or ends, or ended. Of a breaker there is no mailing."""

    kind: str
    mailing: int | None
    name: str
    provider: str
    count: int
    reason: str
    at: datetime | None


def decisions() -> list[Decision]:
    """All of them."""
    found = [_read(row) for row in sql.rows(WAITING, {"aliases": list(aliases())})]
    now = database_now() if any(_may_settle(one) for one in found) else None
    return [one for one in found if not (now and _settles_itself(one, now))]


def waiting() -> int:
    """How many there are: the badge in the navigation."""
    kept: int | None = cache.get("decisions")
    if kept is None:
        kept = len(decisions())
        cache.set("decisions", kept, BADGE_SECONDS)
    return kept


def _read(row: Sequence[Any]) -> Decision:
    kind, mailing, name, alias, count, text, details, at = row
    reason = Reason.stored(text, details) or ""
    return Decision(kind, mailing, name, alias, count, reason, at)


def _may_settle(one: Decision) -> bool:
    if one.kind != "unknown" or one.provider not in aliases():
        return False
    provider: Any = describe(one.provider)
    return bool(provider.can_query or provider.in_doubt == "resend")


def _settles_itself(one: Decision, now: datetime) -> bool:
    """Whether the provider is being asked, or the messages are sent again, by themselves."""
    if not _may_settle(one) or one.at is None:
        return False
    return now < one.at + (ASKED_FOR if describe(one.provider).can_query else timedelta())
