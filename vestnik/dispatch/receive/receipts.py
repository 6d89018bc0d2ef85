"""Delivery receipts: providers send them in bulk, in any order, and any number of times.

A receipt finds its message by the provider's id or by ours, among the messages of that provider
alone (decision 0070). One that matches no message yet is kept, and applied when the hand-over is
recorded. The first final state is not changed by later receipts. A receipt also settles a message
that was `unknown`. A message sent in parts has a receipt for each part.
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
from vestnik.dispatch.transitions.receipt import APPLY, LOCK, UPDATE_PARTS
from vestnik.providers.base import Receipt, ReceiptState
from vestnik.providers.events import combined_state
from vestnik.reasons.reason import Reason

log = structlog.get_logger(__name__)

#: Days for which a receipt without a message is kept.
KEEP_DAYS = 3
#: Days after a mailing's end for which receipts can match its messages.
MEANT_DAYS = 3
#: Seconds for which the scheduler tries to match a kept receipt again.
MATCH_FOR = 300.0

# A provider whose ids start over reuses an old id for a new message, and the receipt may arrive
# before the new hand-over is recorded. So messages of mailings that ended MEANT_DAYS ago are left
# out: the validity period of their messages is over.
FIND = f"""
SELECT h.provider_message_id AS provider_id, h.message_id AS message, h.parts, m.phone_number
FROM dispatch_handover h
JOIN dispatch_message m ON m.id = h.message_id
JOIN mailings_mailing g ON g.id = m.mailing_id
WHERE h.alias = %s AND h.provider_message_id = ANY(%s::text[])
    AND g.ends_at > clock_timestamp() - interval '{MEANT_DAYS} days'
"""

# Our ids are sequential and not secret: a caller with one provider's secret must not settle
# messages of another provider. A mailing keeps its provider from its launch on.
OURS = """
SELECT m.id, m.phone_number FROM dispatch_message m JOIN mailings_mailing g ON g.id = m.mailing_id
WHERE m.id = ANY(%s::bigint[]) AND g.provider = %s
"""

# The states of all parts of messages with several parts; null for a part without a receipt.
PARTS = """
SELECT message_id, array_agg(state) FROM dispatch_handover
WHERE message_id = ANY(%s::bigint[]) AND parts > 1 GROUP BY message_id
"""

# Deleted and applied in one transaction: a kept receipt is applied once.
KEPT = """
DELETE FROM dispatch_keptreceipt
WHERE alias = %s AND (provider_message_id = ANY(%s::text[]) OR message_id = ANY(%s::bigint[]))
RETURNING provider_message_id AS provider_id, message_id, state, at, error, reason
"""

# A receipt may arrive between the recording of its hand-over and the search for kept receipts, or
# for a message whose worker has died. So kept receipts are matched again for MATCH_FOR seconds.
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

# Usually no receipt is kept, so the check saves each flight a transaction.
HAS_KEPT = "SELECT EXISTS (SELECT FROM dispatch_keptreceipt WHERE alias = %s)"
FORGET = """
DELETE FROM dispatch_keptreceipt WHERE kept_at < clock_timestamp() - %s * interval '1 day'
"""


class KeptRow(NamedTuple):
    """A row of a kept receipt."""

    provider_id: str
    message_id: int | None
    state: ReceiptState
    at: datetime
    error: str
    reason: Any

    def receipt(self, alias: str) -> Receipt:
        """Return the receipt, of the provider with that alias."""
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
    """Apply receipts and keep those that match no message yet; return how many were kept."""
    with transaction.atomic():
        kept = _apply(alias, receipts)
        _keep(alias, kept)
    log.debug("receipts", provider=alias, count=len(receipts), kept=len(kept))
    return len(kept)


@retry_on_conflict
def apply_kept(alias: str, provider_ids: Sequence[str], message_ids: Sequence[int]) -> None:
    """Apply the kept receipts of hand-overs that have just been recorded."""
    if not sql.value(HAS_KEPT, [alias]):
        return
    with transaction.atomic():
        kept = sql.rows(KEPT, [alias, list(provider_ids), list(message_ids)], of=KeptRow)
        _keep(alias, _apply(alias, [row.receipt(alias) for row in kept]))


def match_kept() -> None:
    """Apply the kept receipts whose hand-overs have been recorded meanwhile."""
    for alias, provider_ids, message_ids in sql.rows(MATCHED, [MATCH_FOR]):
        apply_kept(alias, [*filter(None, provider_ids)], [*filter(None, message_ids)])


def forget_old() -> None:
    """Delete receipts that were kept for KEEP_DAYS days."""
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
    """Apply receipts in the caller's transaction; return those to keep.

    They match no message, or a message whose hand-over is not recorded yet; the latter then name
    the message's id.
    """
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
    """Return the receipt that decided the state: of several delivered parts, the latest one."""
    words = [receipt for receipt in by_message if receipt.state == state] or by_message
    if parts > 1 and state == "delivered":
        return max(words, key=lambda receipt: receipt.at)
    return words[0]


class MatchedMessage(NamedTuple):
    """A message that a receipt names, its number of parts, and its phone number."""

    provider_id: str
    message: int
    parts: int
    phone_number: str


ReceiptsByMessage = dict[int, tuple[list[Receipt], int]]


def _find(alias: str, receipts: Iterable[Receipt]) -> tuple[ReceiptsByMessage, list[Receipt]]:
    """Return the receipts by message id with the number of parts, and those without a message."""
    once = list({(r.provider_id, r.message_id): r for r in reversed([*receipts])}.values())[::-1]
    # `once`: of several receipts with the same ids the first one counts, and their order is kept.
    named = [receipt.provider_id for receipt in once if receipt.provider_id]
    known = {row.provider_id: row for row in sql.rows(FIND, [alias, named], of=MatchedMessage)}
    ours = _match_own_ids(alias, once)
    by_message: dict[int, list[Receipt]] = defaultdict(list)
    parts_of: dict[int, int] = {}
    unmatched = []
    for receipt in once:
        found = known.get(receipt.provider_id) or ours.get(receipt.message_id or 0)
        if found is None:
            unmatched.append(receipt)
        elif not _is_about(receipt, found.phone_number):
            log.warning("receipt dropped: it names another phone number", provider=alias)
        else:
            by_message[found.message].append(receipt)
            parts_of[found.message] = found.parts
    return {message: (found, parts_of[message]) for message, found in by_message.items()}, unmatched


def _match_own_ids(alias: str, receipts: Iterable[Receipt]) -> dict[int, MatchedMessage]:
    """Return the provider's messages that receipts name by our own ids."""
    named = [r.message_id for r in receipts if r.message_id is not None]
    rows = sql.rows(OURS, [named, alias]) if named else []
    return {message: MatchedMessage("", message, 1, number) for message, number in rows}


def _is_about(receipt: Receipt, phone_number: str) -> bool:
    """Return whether a receipt can be about a message to that number.

    Gateways write numbers with or without the country code, so the last ten digits are compared. An
    erased message has no number.
    """
    said = receipt.phone_number
    return not said or not phone_number or said[-10:] == phone_number[-10:]


def _combined_states(
    alias: str, by_message: ReceiptsByMessage
) -> Mapping[int, ReceiptState | None]:
    """Return the states of messages in several parts; None while a part has no receipt."""
    several = {message: found for message, (found, parts) in by_message.items() if parts > 1}
    if not several:
        return {}
    words = [receipt for found in several.values() for receipt in found]
    sql.run(UPDATE_PARTS, [[r.provider_id for r in words], [r.state for r in words], alias])
    return {message: combined_state(states) for message, states in sql.rows(PARTS, [list(several)])}
