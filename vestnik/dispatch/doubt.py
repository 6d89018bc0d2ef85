"""Messages in doubt: nobody knows whether the provider has them.

They stay `unknown` until a receipt, the provider's answer or the operator settles them; where the
provider is configured to resend (`in_doubt = "resend"`), they are sent again by themselves.
"""

from collections.abc import Sequence
from enum import StrEnum

import structlog
from django.db import transaction

from vestnik.dispatch import hints, sql
from vestnik.mailings.models import REOPEN, Mailing, StateConflict

log = structlog.get_logger(__name__)


class Settlement(StrEnum):
    """What an operator may do with a mailing's unknown messages."""

    ASK = "ask"
    RESEND = "resend"
    GIVE_UP = "give_up"


# What is settled is taken batch by batch, each locked before its messages: a late outcome or a
# receipt that comes first has its way, and one that comes second finds nothing to change.
SETTLE = """
WITH held AS (
    SELECT id, first_message_id, last_message_id FROM dispatch_batch
    WHERE mailing_id = %s AND unknown > 0 ORDER BY id FOR UPDATE
),
settled AS (
    UPDATE dispatch_message m SET
        state = %s, attempt_id = NULL, next_attempt_at = NULL,
        error = coalesce(%s, m.error)
    FROM held
    WHERE m.mailing_id + 0 = %s AND m.state = 'unknown'
        AND m.id BETWEEN held.first_message_id AND held.last_message_id
    RETURNING held.id
),
counted AS (SELECT id, count(*) AS n FROM settled GROUP BY id)
UPDATE dispatch_batch b SET
    unknown = b.unknown - counted.n,
    {state} = b.{state} + counted.n,
    state = CASE WHEN b.state = 'done' AND '{state}' = 'queued' THEN 'ready' ELSE b.state END
FROM counted WHERE b.id = counted.id
RETURNING counted.n
"""

IN_DOUBT = """
SELECT DISTINCT m.id FROM mailings_mailing m JOIN dispatch_batch b ON b.mailing_id = m.id
WHERE b.unknown > 0 AND m.provider = ANY(%s) AND {recent}
"""
UNDER_WAY = "m.state = 'running'"
RECENT = "coalesce(m.finished_at, m.ends_at) > clock_timestamp() - interval '2 days'"


def resend(mailing: Mailing, *, actor: str, reason: str = "") -> int:
    """Queue the unknown messages again; how many. A finished mailing runs again.

    Raises StateConflict at or after the mailing's end, and where it was cancelled.
    """
    with transaction.atomic():
        if not mailing.move(REOPEN, actor=actor) and not mailing.is_open():
            raise StateConflict(mailing, "resend")
        count = _settle(mailing, "queued", None)
        mailing.note("resend", actor=actor, reason=reason or f"{count} unknown messages")
    hints.look_at(mailing.id)
    transaction.on_commit(lambda: hints.call_to_work(mailing.provider))
    return count


def give_up(mailing: Mailing, *, actor: str) -> int:
    """Count the unknown messages as failed; how many."""
    with transaction.atomic():
        count = _settle(mailing, "failed", "given up: nobody knows whether it arrived")
        mailing.note("give_up", actor=actor, reason=f"{count} unknown messages")
    return count


def ask(mailing: Mailing, *, actor: str) -> None:
    """Have a worker ask the provider what became of the unknown messages."""
    with transaction.atomic():
        mailing.note("ask", actor=actor)
        transaction.on_commit(lambda: hints.give("vestnik.ask", mailing.id))


def resend_by_themselves(aliases: Sequence[str]) -> None:
    """Queue again what is unknown by providers that are configured so."""
    if not aliases:
        return
    for (mailing_id,) in sql.rows(IN_DOUBT.format(recent=UNDER_WAY), [list(aliases)]):
        mailing = Mailing.objects.get(id=mailing_id)
        with transaction.atomic():
            count = _settle(mailing, "queued", None)
        log.info("unknown messages queued again", mailing=mailing_id, count=count)


def to_ask(aliases: Sequence[str]) -> list[int]:
    """The mailings with unknown messages by providers that can be asked."""
    if not aliases:
        return []
    return [mailing for (mailing,) in sql.rows(IN_DOUBT.format(recent=RECENT), [list(aliases)])]


def _settle(mailing: Mailing, state: str, error: str | None) -> int:
    rows = sql.rows(SETTLE.format(state=state), [mailing.id, state, error, mailing.id])
    return sum(n for (n,) in rows)
