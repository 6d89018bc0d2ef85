"""The stop list and running mailings: a number on the list gets no further message.

The list is read when a mailing is enlisted and when a flight is marked, by the messages' own
numbers. From the moment at which a number is on the list, no flight with it is marked (decision
0039). A message in flight at that moment finishes; if it returns to be retried, the next mark
refuses it.
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

#: Days for which it is stored that a number wrote to us: conditions on answers may look back a
#: year.
TEXTS_KEPT_DAYS = 366
FORGET_TEXTS = """
DELETE FROM dispatch_inboundtext WHERE received_at < clock_timestamp() - %s * interval '1 day'
"""
#: Numbers whose messages are taken back by one statement.
NUMBERS_AT_ONCE = 500


def _changed_since(seen: str) -> str:
    """Return the condition for entries of the stop list that a snapshot may not have seen.

    Entries are compared by the transaction that wrote them, not by id: an id is assigned before the
    commit, so an entry with a lower id may appear after a sweep has passed it; and an erased number
    that is stopped again keeps its entry (decision 0178). Transaction ids above the present ones
    come from the server from which this database was restored.
    """
    return f"""
changed_in >= pg_snapshot_xmin({seen}::pg_snapshot)::text::bigint
    AND changed_in <= greatest(pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
        pg_current_xact_id_if_assigned()::text::bigint)
"""


# Mailings whose last sweep has not seen the whole list, with the present snapshot. The snapshot is
# read before the entries, so an entry that commits during the sweep is new in the next one.
BEHIND = f"""
SELECT e.mailing_id, pg_current_snapshot()::text, e.stop_list_seen
FROM mailings_mailing g JOIN dispatch_enlistment e ON e.mailing_id = g.id
WHERE g.state IN {UNDER_WAY_SQL} AND e.complete AND (e.stop_list_seen IS NULL OR EXISTS (
    SELECT FROM audience_stoplistentry WHERE {_changed_since("e.stop_list_seen")}
))
ORDER BY e.mailing_id
"""
# The entries that the snapshot has not seen, at most one more than FEW_ENTRIES.
NEW_ENTRIES = f"""
SELECT id FROM audience_stoplistentry
WHERE {_changed_since("%(seen)s")}
    AND NOT pg_visible_in_snapshot(changed_in::text::xid8, %(seen)s::pg_snapshot)
ORDER BY changed_in LIMIT %(most)s
"""
#: New entries up to which messages are found entry by entry. For more, each batch is checked by its
#: numbers, which locks it once.
FEW_ENTRIES = 2_000
QUEUED_BATCHES = """
SELECT id FROM dispatch_batch WHERE mailing_id = %s AND queued > 0 ORDER BY id
"""
# The snapshot from before the sweep: later entries are swept next time.
SWEPT = "UPDATE dispatch_enlistment SET stop_list_seen = %s WHERE mailing_id = %s"


def stop_numbers(numbers: Collection[str], source: Source, reason: str = "") -> int:
    """Put numbers on the stop list and take back their queued messages; return how many are new.

    The numbers are committed to the list before anything is waited for, and nothing is sent to them
    from then on. Messages that another transaction holds or is enlisting are taken back by the mark
    that would send them, or by the sweep.
    """
    added = _listed(numbers, source, reason)
    take_back(numbers)
    log.info("numbers stopped", source=source, added=added, given=len(numbers))
    return added


def stop_pending() -> None:
    """Put numbers on the list whose STOP had to wait for another transaction (decision 0180)."""
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
        log.warning("a STOP waits for another transaction", reason=one_line(error))
        return False
    log.info("numbers stopped", source=source, added=added, given=1)
    return True


def take_back(numbers: Collection[str]) -> None:
    """Suppress the queued messages of numbers that are on the list.

    Messages that another transaction holds are waited for only briefly: no mark lets them leave.
    """
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
    """Take back the queued messages of numbers put on the list since the last sweep, as by imports.

    One sweep runs at a time over all processes. The snapshot of the last sweep is stored with each
    mailing. Messages are found by index probes, NUMBERS_AT_ONCE entries a statement, so a sweep of
    400,000 numbers holds no lock for long.
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
    """Return the entries that the snapshot has not seen; None if there are more than
    FEW_ENTRIES."""
    found = sql.rows(NEW_ENTRIES, {"seen": seen, "most": FEW_ENTRIES + 1})
    return None if len(found) > FEW_ENTRIES else [id for (id,) in found]


def sweep_batch(batch_id: int) -> None:
    """Take back queued messages of one batch whose number is on the list."""
    revoke(SUPPRESS_LISTED_OF_BATCH, WHY, {"batch": batch_id})


def process_inbound(messages: Collection[Inbound]) -> None:
    """Put senders of a stop word on the list, and store that each sender wrote.

    The latter is for filters by who answered a mailing.
    """
    take_back(list_senders(messages))


def list_senders(messages: Collection[Inbound]) -> list[str]:
    """Do the same without taking back queued messages; return the numbers put on the list.

    The caller takes the messages back, after its own transaction: before the commit, other
    transactions do not see the numbers on the list.
    """
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
    """Put a number on the list, or store the STOP as pending; return whether it is on the list.

    A provider reports a STOP once, so it must not be lost while another transaction, such as an
    import, writes the same number.
    """
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
    """Delete the records of texts to us that are older than TEXTS_KEPT_DAYS days."""
    sql.run(FORGET_TEXTS, [TEXTS_KEPT_DAYS])
