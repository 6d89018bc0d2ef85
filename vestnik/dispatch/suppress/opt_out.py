"""The stop list and what is under way: a number that is put on it gets nothing more, at once.

At enlisting the list is asked as well, and once more when a flight is marked, by the messages' own
numbers: from the moment at which a number is on the list, no flight with it is marked. What is on
its way at that moment finishes; should it come back to be tried again, that mark takes it then.
"""

from collections.abc import Collection

import structlog
from django.db import OperationalError, transaction

from vestnik.audience.phone_parsing import normalised
from vestnik.audience.stop_list import Source, put
from vestnik.audience.stop_words import is_stop_word
from vestnik.db import sql
from vestnik.db.advisory_lock import advisory_lock
from vestnik.db.errors import FailureKind, classify_failure, retry_on_conflict
from vestnik.db.lock_ids import STOP_LIST_SWEEP_LOCK
from vestnik.db.sql import array
from vestnik.dispatch.models import InboundText, PendingStop
from vestnik.dispatch.suppress.revocation import (
    SHORT_WAIT,
    revoke,
    try_revoke,
)
from vestnik.dispatch.transitions.revoke import (
    SUPPRESS_ENTRIES,
    SUPPRESS_LISTED_OF_BATCH,
    SUPPRESS_NUMBERS,
)
from vestnik.mailings.models import UNDER_WAY_SQL
from vestnik.outages import one_line
from vestnik.providers.base import Inbound
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

log = structlog.get_logger(__name__)

WHY = Reason(Code.STOP_LIST)

TEXTS_KEPT_DAYS = 366
FORGET_TEXTS = """
DELETE FROM dispatch_inboundtext WHERE received_at < clock_timestamp() - %s * interval '1 day'
"""
NUMBERS_AT_ONCE = 500


def _changed_since(seen: str) -> str:
    """Entries of the stop list that a snapshot may not have seen.

    By the transactions that have changed the list, and not by the ids of its entries: an id is
    given before the entry is committed, so one with a lower id may come after one that was swept
    for; and an erased number that is stopped again keeps its entry. What the snapshot of the last
    look did not see is new. In a database that was restored elsewhere greater ids of transactions
    than there are now are of the former one.
    """
    return f"""
changed_in >= pg_snapshot_xmin({seen}::pg_snapshot)::text::bigint
    AND changed_in <= greatest(pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
        pg_current_xact_id_if_assigned()::text::bigint)
"""


BEHIND = f"""
SELECT e.mailing_id, pg_current_snapshot()::text, e.stop_list_seen
FROM mailings_mailing g JOIN dispatch_enlistment e ON e.mailing_id = g.id
WHERE g.state IN {UNDER_WAY_SQL} AND e.complete AND (e.stop_list_seen IS NULL OR EXISTS (
    SELECT FROM audience_stoplistentry WHERE {_changed_since("e.stop_list_seen")}
))
ORDER BY e.mailing_id
"""
NEW_ENTRIES = f"""
SELECT id FROM audience_stoplistentry
WHERE {_changed_since("%(seen)s")}
    AND NOT pg_visible_in_snapshot(changed_in::text::xid8, %(seen)s::pg_snapshot)
ORDER BY changed_in LIMIT %(most)s
"""
#: More new entries than these are looked for batch by batch: each batch is then locked once.
FEW_ENTRIES = 2_000
QUEUED_BATCHES = """
SELECT id FROM dispatch_batch WHERE mailing_id = %s AND queued > 0 ORDER BY id
"""
SWEPT = "UPDATE dispatch_enlistment SET stop_list_seen = %s WHERE mailing_id = %s"


def stop_numbers(numbers: Collection[str], source: Source, reason: str = "") -> int:
    """Put numbers on the stop list and take back what is queued for them; how many are new on it.

    They are on the list before anything is waited for, and nothing more is sent to them from then
    on. What is held by others just then, or being enlisted, is taken back by the mark that would
    let it leave, or by the sweep.
    """
    added = _listed(numbers, source, reason)
    take_back(numbers)
    log.info("numbers stopped", source=source, added=added, given=len(numbers))
    return added


def stop_pending() -> None:
    """Fulfil the wishes that had to wait for another transaction."""
    for pending in PendingStop.objects.order_by("id"):
        reason = Reason.from_data(pending.reason_details) or pending.reason
        if not _is_listed_soon(pending.phone_number, Source(pending.source), reason):
            return
        take_back([pending.phone_number])
        pending.delete()


def _is_listed_soon(number: str, source: Source, reason: str) -> bool:
    try:
        with sql.lock_timeout(SHORT_WAIT):
            added = put([number], source, reason)
    except OperationalError as error:
        if classify_failure(error) is not FailureKind.BUSY:
            raise
        log.warning("a stop waits for the stop list", reason=one_line(error))
        return False
    log.info("numbers stopped", source=source, added=added, given=1)
    return True


def take_back(numbers: Collection[str]) -> None:
    """Suppress what is queued for numbers that are on the list. Where somebody holds it, that is
    waited for only for a moment: no mark lets it leave."""
    given = sorted(set(numbers))
    for start in range(0, len(given), NUMBERS_AT_ONCE):
        some = given[start : start + NUMBERS_AT_ONCE]
        if not try_revoke(SUPPRESS_NUMBERS, WHY, {"numbers": some}):
            break


@retry_on_conflict
def _listed(numbers: Collection[str], source: Source, reason: str) -> int:
    with transaction.atomic():
        return put(numbers, source, reason)


def sweep_new_entries() -> None:
    """Take back what is queued for numbers that came onto the list since, as by imports of it.

    One sweep at a time in all processes. Of each mailing it is known what the last one saw of the
    list. Messages are found by probes of an index, some at a time: a sweep of 400,000 numbers holds
    nobody up.
    """
    with advisory_lock(STOP_LIST_SWEEP_LOCK) as ours:
        if ours:
            for mailing, now, seen in sql.rows(BEHIND):
                _sweep_mailing(mailing, seen)
                sql.run(SWEPT, [now, mailing])


def _sweep_mailing(mailing: int, seen: str | None) -> None:
    entries = _new_entries(seen) if seen else None
    if entries is None:
        for (batch,) in sql.rows(QUEUED_BATCHES, [mailing]):
            sweep_batch(batch)
        return
    for start in range(0, len(entries), NUMBERS_AT_ONCE):
        some = array(entries[start : start + NUMBERS_AT_ONCE])
        revoke(SUPPRESS_ENTRIES, WHY, {"entries": some, "mailing": mailing})


def _new_entries(seen: str) -> list[int] | None:
    """What has come onto the list since; None where that is too much to look up one by one."""
    found = sql.rows(NEW_ENTRIES, {"seen": seen, "most": FEW_ENTRIES + 1})
    return None if len(found) > FEW_ENTRIES else [id for (id,) in found]


def sweep_batch(batch_id: int) -> None:
    """Take back what is queued in one batch, by the numbers of its messages."""
    revoke(SUPPRESS_LISTED_OF_BATCH, WHY, {"batch": batch_id})


def process_inbound(messages: Collection[Inbound]) -> None:
    """Stop the numbers of those who wrote a stop word; that they wrote is kept, for conditions on
    who answered a mailing."""
    take_back(list_senders(messages))


def list_senders(messages: Collection[Inbound]) -> list[str]:
    """The same but for what is queued for them, which the caller takes back: return whose. A caller
    with a transaction does so after it, for until then nobody sees the numbers on the list."""
    heard, listed = [], []
    for message in messages:
        number = normalised(message.phone_number)
        asks = is_stop_word(message.text)
        log.info("inbound message", provider=message.alias, length=len(message.text), stop=asks)
        if asks and number and _list_surely(number, message.alias):
            listed.append(number)
        if number:
            heard.append(InboundText(phone_number=number, alias=message.alias))
    InboundText.objects.bulk_create(heard)
    return listed


def _list_surely(number: str, alias: str) -> bool:
    """Put a number on the list on a wish that is told only once. False where another transaction,
    such as an import, writes the same number: then the wish is kept, and fulfilled after that."""
    reason = Reason(Code.WROTE_TO, alias=alias)
    is_listed = _is_listed_soon(number, Source.INBOUND, reason)
    if not is_listed:
        PendingStop.objects.create(
            phone_number=number,
            source=Source.INBOUND,
            reason=str(reason),
            reason_details=reason.data,
        )
    return is_listed


def forget_old_texts() -> None:
    """Drop what is kept of texts to us after a year."""
    sql.run(FORGET_TEXTS, [TEXTS_KEPT_DAYS])
