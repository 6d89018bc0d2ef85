"""Receipts: a provider's later word on its messages, in bulk, in any order, any number of times.

A receipt finds its message by the provider's id or by ours, among those of its provider alone. One
that finds none yet is kept, and applied when the hand-over is recorded. The first final word
stands; a receipt also settles a message that was `unknown`. A message that went in parts has a
receipt for each of them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

import structlog
from django.db import transaction

from vestnik.db import sql
from vestnik.db.errors import retry_on_conflict
from vestnik.dispatch.models import UnmatchedReceipt
from vestnik.dispatch.states import RECEIVABLE_IN_DOUBT_SQL, RECEIVABLE_SQL
from vestnik.dispatch.transitions.receipt import APPLY, LOCK
from vestnik.providers.base import Receipt, ReceiptState
from vestnik.providers.events import combined_state
from vestnik.reasons.reason import Reason

log = structlog.get_logger(__name__)

KEEP_DAYS = 3
MEANT_DAYS = 3
MATCH_FOR = 300.0

# A provider whose ids start again gives one of long ago to a message of now, and its receipt may
# come before the hand-over is recorded: what ended days ago is not meant, a receipt's validity was
# over then.
FIND = f"""
SELECT h.provider_message_id AS provider_id, h.message_id AS message, h.parts, m.phone_number
FROM dispatch_handover h
JOIN dispatch_message m ON m.id = h.message_id
JOIN mailings_mailing g ON g.id = m.mailing_id
WHERE h.alias = %s AND h.provider_message_id = ANY(%s::text[])
    AND g.ends_at > clock_timestamp() - interval '{MEANT_DAYS} days'
"""

# Our ids are no secret and go up by one: whoever may speak for one provider must not settle the
# messages of another. A mailing keeps its provider from its launch on.
OURS = """
SELECT m.id, m.phone_number FROM dispatch_message m JOIN mailings_mailing g ON g.id = m.mailing_id
WHERE m.id = ANY(%s::bigint[]) AND g.provider = %s
"""

UPDATE_PARTS = """
UPDATE dispatch_handover h SET state = g.state
FROM unnest(%s::text[], %s::text[]) AS g (provider_id, state)
WHERE h.alias = %s AND h.provider_message_id = g.provider_id AND h.state IS NULL
"""

PARTS = """
SELECT message_id, array_agg(state) FROM dispatch_handover
WHERE message_id = ANY(%s::bigint[]) AND parts > 1 GROUP BY message_id
"""

KEPT = """
DELETE FROM dispatch_keptreceipt
WHERE alias = %s AND (provider_message_id = ANY(%s::text[]) OR message_id = ANY(%s::bigint[]))
RETURNING provider_message_id AS provider_id, message_id, state, at, error, reason
"""

# A receipt may come between the recording of its hand-over and the look for kept ones, or for a
# message whose worker is gone: what is kept is matched again for a while.
MATCHED = f"""
SELECT k.alias, array_agg(k.provider_message_id), array_agg(coalesce(k.message_id, 0))
FROM dispatch_keptreceipt k
LEFT JOIN dispatch_handover h
    ON h.alias = k.alias AND h.provider_message_id = k.provider_message_id
JOIN dispatch_message m ON m.id = coalesce(h.message_id, k.message_id)
JOIN mailings_mailing g ON g.id = m.mailing_id AND g.provider = k.alias
WHERE k.kept_at > clock_timestamp() - %s * interval '1 second' AND (m.state IN {RECEIVABLE_SQL}
    OR m.doubted_attempt_id IS NOT NULL AND m.state IN {RECEIVABLE_IN_DOUBT_SQL})
GROUP BY k.alias
"""

HAS_KEPT = "SELECT EXISTS (SELECT FROM dispatch_keptreceipt WHERE alias = %s)"
FORGET = """
DELETE FROM dispatch_keptreceipt WHERE kept_at < clock_timestamp() - %s * interval '1 day'
"""


class KeptRow(NamedTuple):
    """A receipt as it was kept."""

    provider_id: str
    message_id: int | None
    state: ReceiptState
    at: datetime
    error: str
    reason: Any

    def receipt(self, alias: str) -> Receipt:
        """The receipt of that provider that it was."""
        return Receipt(
            alias,
            self.state,
            self.at,
            provider_id=self.provider_id,
            message_id=self.message_id,
            error=Reason.stored(self.error, self.reason) or "",
        )


@retry_on_conflict
def apply(alias: str, receipts: Sequence[Receipt]) -> int:
    """Apply receipts and keep those that match nothing yet; how many were kept."""
    with transaction.atomic():
        kept = _apply(alias, receipts)
        _keep(alias, kept)
    log.debug("receipts", provider=alias, count=len(receipts), kept=len(kept))
    return len(kept)


@retry_on_conflict
def apply_kept(alias: str, provider_ids: Sequence[str], message_ids: Sequence[int]) -> None:
    """Apply what was kept for hand-overs that have just been recorded."""
    if not sql.value(HAS_KEPT, [alias]):
        return
    with transaction.atomic():
        kept = sql.rows_of(KeptRow, KEPT, [alias, list(provider_ids), list(message_ids)])
        _keep(alias, _apply(alias, [row.receipt(alias) for row in kept]))


def match_kept() -> None:
    """Apply the kept receipts whose messages have been recorded meanwhile."""
    for alias, provider_ids, message_ids in sql.rows(MATCHED, [MATCH_FOR]):
        apply_kept(alias, [*filter(None, provider_ids)], [*filter(None, message_ids)])


def forget_old() -> None:
    """Drop the kept receipts that nothing will match any more."""
    sql.run(FORGET, [KEEP_DAYS])


def _keep(alias: str, receipts: Iterable[Receipt]) -> None:
    UnmatchedReceipt.objects.bulk_create(
        UnmatchedReceipt(
            alias=alias,
            provider_message_id=receipt.provider_id,
            message_id=receipt.message_id,
            state=receipt.state,
            at=receipt.at,
            error=reason.text if (reason := _reason_of(receipt)) else "",
            reason=reason.data if reason else None,
        )
        for receipt in receipts
    )


def _apply(alias: str, receipts: Sequence[Receipt]) -> list[Receipt]:
    """Apply within the caller's transaction; those that matched nothing, or a message whose
    hand-over is not recorded, which they name from then on."""
    if not receipts:
        return []
    by_message, unmatched = _find(alias, receipts)
    sql.rows(LOCK, [list(by_message)])
    states: dict[int, ReceiptState | None]
    states = {message: by_message[0].state for message, (by_message, _) in by_message.items()}
    states |= _combined_states(alias, by_message)
    final = {message: state for message, state in states.items() if state is not None}
    words = {
        message: _deciding_receipt(state, *by_message[message]) for message, state in final.items()
    }
    reasons = [_reason_of(receipt) for receipt in words.values()]
    rows = sql.rows(
        APPLY,
        [
            list(final),
            list(final.values()),
            [receipt.at for receipt in words.values()],
            [reason and reason.text for reason in reasons],
            [reason and reason.json for reason in reasons],
        ],
    )
    early = final.keys() - {message for (message,) in rows}
    named = (replace(r, message_id=message) for message in early for r in by_message[message][0])
    return [*unmatched, *named]


def _reason_of(receipt: Receipt) -> Reason | None:
    return Reason.of(receipt.error).fit() if receipt.error else None


def _deciding_receipt(state: ReceiptState, by_message: Sequence[Receipt], parts: int) -> Receipt:
    """Which of the receipts made the message that: of several parts that are delivered the last."""
    words = [receipt for receipt in by_message if receipt.state == state] or by_message
    if parts > 1 and state == "delivered":
        return max(words, key=lambda receipt: receipt.at)
    return words[0]


class MatchedMessage(NamedTuple):
    """A message that a receipt names, in how many parts it went, and to whom."""

    provider_id: str
    message: int
    parts: int
    phone_number: str


ReceiptsByMessage = dict[int, tuple[list[Receipt], int]]


def _find(alias: str, receipts: Iterable[Receipt]) -> tuple[ReceiptsByMessage, list[Receipt]]:
    """Receipts by their message, with how many parts it has; and those without one."""
    once = list({(r.provider_id, r.message_id): r for r in reversed([*receipts])}.values())[::-1]
    named = [receipt.provider_id for receipt in once if receipt.provider_id]
    known = {row.provider_id: row for row in sql.rows_of(MatchedMessage, FIND, [alias, named])}
    ours = _match_own_ids(alias, once)
    by_message: dict[int, list[Receipt]] = defaultdict(list)
    parts_of: dict[int, int] = {}
    unmatched = []
    for receipt in once:
        found = known.get(receipt.provider_id) or ours.get(receipt.message_id or 0)
        if found is None:
            unmatched.append(receipt)
        elif not _is_about(receipt, found.phone_number):
            log.warning("a receipt about another number is dropped", provider=alias)
        else:
            by_message[found.message].append(receipt)
            parts_of[found.message] = found.parts
    return {message: (found, parts_of[message]) for message, found in by_message.items()}, unmatched


def _match_own_ids(alias: str, receipts: Iterable[Receipt]) -> dict[int, MatchedMessage]:
    """The messages of that provider among those that are named by our own ids."""
    named = [r.message_id for r in receipts if r.message_id is not None]
    rows = sql.rows(OURS, [named, alias]) if named else []
    return {message: MatchedMessage("", message, 1, number) for message, number in rows}


def _is_about(receipt: Receipt, phone_number: str) -> bool:
    """Whether it may speak of a message to that number; one that was erased has none."""
    said = receipt.phone_number
    return not said or not phone_number or said[-10:] == phone_number[-10:]


def _combined_states(
    alias: str, by_message: ReceiptsByMessage
) -> Mapping[int, ReceiptState | None]:
    """What the messages of several parts are now; None where a part is still out."""
    several = {message: found for message, (found, parts) in by_message.items() if parts > 1}
    if not several:
        return {}
    words = [receipt for found in several.values() for receipt in found]
    sql.run(UPDATE_PARTS, [[r.provider_id for r in words], [r.state for r in words], alias])
    return {message: combined_state(states) for message, states in sql.rows(PARTS, [list(several)])}
