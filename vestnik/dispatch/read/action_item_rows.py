"""What needs an operator: open breakers, paused and missed mailings, unknown messages."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from vestnik.db import sql
from vestnik.dispatch.states import UNKNOWN, BreakerState
from vestnik.mailings.models import UNDER_WAY_SQL, MailingState

#: Days for which a missed mailing is listed.
MISSED_DAYS = 3

# Partial indexes alone: the cost grows with the open items, not with all mailings. A mailing
# without batches matched no client.
ACTION_ITEMS = f"""
SELECT 'breaker' AS kind, NULL::bigint AS id, '' AS name, alias, 0::bigint AS messages, reason,
    reason_details AS details, until AS at
FROM dispatch_breaker WHERE state <> '{BreakerState.CLOSED}' AND alias = ANY(%(aliases)s)
UNION ALL
SELECT '{MailingState.PAUSED}', id, name, provider, 0, state_reason, reason, ends_at
FROM mailings_mailing
WHERE state = '{MailingState.PAUSED}' AND state_reason <> '' AND ends_at > clock_timestamp()
UNION ALL
SELECT '{UNKNOWN}', m.id, m.name, m.provider, doubt.count, '', NULL,
    CASE WHEN m.state IN {UNDER_WAY_SQL} THEN m.ends_at
    ELSE coalesce(m.finished_at, m.ends_at) END
FROM (
    SELECT mailing_id, sum(unknown) AS count FROM dispatch_batch
    WHERE unknown > 0 GROUP BY mailing_id
) doubt JOIN mailings_mailing m ON m.id = doubt.mailing_id WHERE NOT m.is_test
UNION ALL
SELECT '{MailingState.MISSED}', id, name, provider, 0, '', NULL, ends_at FROM mailings_mailing
WHERE state = '{MailingState.MISSED}'
    AND finished_at > clock_timestamp() - interval '{MISSED_DAYS} days'
UNION ALL
SELECT 'nobody', id, name, provider, 0, '', NULL, finished_at FROM mailings_mailing m
WHERE state = '{MailingState.FINISHED}'
    AND finished_at > clock_timestamp() - interval '{MISSED_DAYS} days'
    AND NOT is_test AND NOT EXISTS (SELECT FROM dispatch_batch b WHERE b.mailing_id = m.id)
"""


class ActionItemRow(NamedTuple):
    """One item; `id` is the id of its mailing."""

    kind: str
    id: int | None
    name: str
    alias: str
    messages: int
    reason: str
    details: Any
    at: datetime | None


def action_item_rows(aliases: Sequence[str]) -> list[ActionItemRow]:
    """Return all that needs an operator, with the breakers of these providers."""
    return sql.rows(ACTION_ITEMS, {"aliases": list(aliases)}, of=ActionItemRow)
