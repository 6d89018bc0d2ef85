"""Enlisting: the audience of a launched mailing becomes messages, in batches.

The audience is enlisted completely, even if the mailing is paused, ends or is cancelled meanwhile,
so `matched` is the same number in each case. Messages created after the end are `expired`, after a
cancellation `cancelled`. Clients who must not or cannot get the text get a `suppressed` message
with the reason.

The audience is fixed at one instant (decision 0015): the ids that the filter matches are stored
before the first chunk, so that a tag that changes meanwhile has no effect.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog
from django.db import DatabaseError, InterfaceError, transaction
from django.db.models import BooleanField, QuerySet
from django.db.models.expressions import RawSQL

from vestnik.audience.models import Client
from vestnik.db import sql
from vestnik.db.lock_ids import ENLISTING_LOCK
from vestnik.db.sql import array
from vestnik.dispatch.models import AudienceSlice, EnlistmentCursor
from vestnik.dispatch.prepare import local_hours
from vestnik.dispatch.prepare.enlist_queue import EnlistQueue
from vestnik.dispatch.prepare.recipients import clients_sql, rendered_sql, select_recipients
from vestnik.dispatch.signals import wakeups
from vestnik.dispatch.transitions.enlist import ENLISTED_BEYOND, enlist_sql
from vestnik.mailings.models import PAUSE, Mailing, MailingState
from vestnik.mailings.window import Clock
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

log = structlog.get_logger(__name__)

queue = EnlistQueue()

#: The messages of a batch (decision 0002).
BATCH_SIZE = 1000
#: Characters of a database error that are stored as the reason of a pause.
LONGEST_REASON = 300
#: Clients of the first transaction and of each later one. The first is small, so that sending
#: begins at once. For the rate alone 50,000 were best (155,000 rows a second).
FIRST_CHUNK, CHUNK = 1_000, 20_000
#: The size up to which an audience is enlisted at once, by one statement, without waiting its turn.
FEW = 500
#: Threads of a process that enlist all small mailings that wait.
SWEEPS_AT_ONCE = 2

_sweeps = threading.BoundedSemaphore(SWEEPS_AT_ONCE)

# Mailings to enlist, without those that were paused because enlisting failed.
TO_ENLIST = f"""
SELECT e.mailing_id FROM dispatch_enlistment e JOIN mailings_mailing m ON m.id = e.mailing_id
WHERE NOT e.complete AND (e.failures < %(most)s OR m.state = '{MailingState.RUNNING}')
"""
IS_TO_ENLIST = f"{TO_ENLIST} AND e.mailing_id = %(mailing)s"
ALL_TO_ENLIST = f"{TO_ENLIST} ORDER BY e.mailing_id"
# Mailings of which nothing is enlisted yet come first: they may be small ones.
SOME_TO_ENLIST = f"{TO_ENLIST} ORDER BY e.next_number > 0, random() LIMIT %(limit)s"
# 32767 is the largest smallint.
FAILED = """
UPDATE dispatch_enlistment SET failures = least(failures + 1, 32767)
WHERE mailing_id = %s AND NOT complete RETURNING failures
"""
#: Failures in a row after which the mailing pauses itself (decision 0016).
MOST_FAILURES = 3
# Held by each chunk until it is committed; the erasure of a client takes the lock exclusively.
AT_WORK = "SELECT pg_advisory_xact_lock_shared(%s)"
#: Classes of SQLSTATE that pass by themselves, so they are not counted as failures: connection,
#: deadlock, resources, locks, an operator's shutdown.
PASSING = ("08", "40", "53", "55", "57")


def freeze_sql(clients: str) -> str:
    """Return the statement that stores the ids of a filter's clients, in slices.

    A slice is a range of ids, so no sort is needed. Small slices are later read together.
    """
    return f"""
INSERT INTO dispatch_audienceslice (mailing_id, last_client_id, client_ids)
SELECT %s, max(c.id), array_agg(c.id) FROM ({clients}) c GROUP BY c.id / %s
"""


# A constant array: the planner knows its length, where it would assume ten rows of a subquery.
AMONG = '"audience_client"."id" = ANY(%s::bigint[])'


def mailings_to_enlist(limit: int | None = None) -> list[int]:
    """Return the mailings whose audience is to be enlisted, or up to `limit` of them at random."""
    given = {"most": MOST_FAILURES, "limit": limit}
    return [mailing for (mailing,) in sql.rows(SOME_TO_ENLIST, given)]


def to_enlist_from(mailing_id: int) -> list[int]:
    """Return all mailings to enlist, in the order of their ids, beginning with `mailing_id`.

    Mailings with lower ids follow at the end. The list is empty if `mailing_id` is not to be
    enlisted. Tasks begin at different mailings, so two of them seldom lock the same one.
    """
    found = [mailing for (mailing,) in sql.rows(ALL_TO_ENLIST, {"most": MOST_FAILURES})]
    if mailing_id not in found:
        return []
    place = found.index(mailing_id)
    return found[place:] + found[:place]


def enlist(mailings: Iterable[int], stopping: Callable[[], bool] = lambda: False) -> None:
    """Enlist mailings: the small ones at once, one after the other, then the others in chunks.

    Chunks take turns with those of other mailings of this process, so a mailing to few clients does
    not wait for a large one that is launched with it. Return at once if there is nothing to do, or
    enough threads of the process enlist already. After MOST_FAILURES failures a mailing is paused,
    with the error as its reason.
    """
    _enlist_small_ones(mailings, stopping)
    queue.work(enlist_next, stopping)


def enlist_waiting(mailing_id: int, stopping: Callable[[], bool] = lambda: False) -> None:
    """Enlist all mailings that wait, beginning with `mailing_id`, as `enlist` does.

    If SWEEPS_AT_ONCE threads of the process enlist all small ones already, leave them to these.
    When hundreds of small mailings took every thread of a process, it sent nothing for 17 s.
    """
    if _sweeps.acquire(blocking=False):
        try:
            _enlist_small_ones(to_enlist_from(mailing_id), stopping)
        finally:
            _sweeps.release()
    queue.work(enlist_next, stopping)


def _enlist_small_ones(mailings: Iterable[int], stopping: Callable[[], bool]) -> None:
    """Enlist the small mailings, and append the others to the queue."""
    for mailing_id in mailings:
        if stopping():
            return
        is_queued = mailing_id in queue
        if not is_queued and _is_to_enlist(mailing_id) and _attempt(_enlist_small, mailing_id):
            queue.add(mailing_id)


def _is_to_enlist(mailing_id: int) -> bool:
    return bool(sql.rows(IS_TO_ENLIST, {"most": MOST_FAILURES, "mailing": mailing_id}))


def _enlist_small(mailing_id: int) -> bool:
    """Enlist the mailing if it is small; return True if it is not, so that it is to be queued."""
    enlistment = EnlistmentCursor.objects.select_related("mailing").get(mailing=mailing_id)
    return not is_small(enlistment) or _enlist_and_wake(mailing_id, few=True)


def enlist_next(mailing_id: int) -> bool:
    """Enlist the next chunk and wake dispatchers; return whether there are more chunks to
    enlist."""
    return _attempt(_enlist_and_wake, mailing_id)


def _enlist_and_wake(mailing_id: int, *, few: bool = False) -> bool:
    more = enlist_chunk(mailing_id, few=few)
    wakeups.wake_dispatchers_for(mailing_id)
    return more


def _attempt(step: Callable[[int], bool], mailing_id: int) -> bool:
    """Return what `step` returns for the mailing; False if it fails.

    A failure of one mailing must not end the task, which enlists others too. After a transient one
    the next wake-up tries again. A lost connection raises, since every further step would fail.
    """
    try:
        return step(mailing_id)
    except Exception as trouble:
        if not _is_transient(trouble):
            _note_failure(mailing_id, trouble)
        elif not sql.is_connected():
            raise
        else:
            log.warning("mailing not enlisted", mailing=mailing_id, trouble=_first_line(trouble))
    return False


def _is_transient(trouble: Exception) -> bool:
    if not isinstance(trouble, DatabaseError | InterfaceError):
        return False
    state = getattr(trouble.__cause__, "sqlstate", None)
    return state is None or state.startswith(PASSING)


def _note_failure(mailing_id: int, trouble: Exception) -> None:
    """Count and log a failure, with a traceback the first time; pause after MOST_FAILURES."""
    failures = sql.value(FAILED, [mailing_id]) or 0
    log.error("mailing not enlisted", mailing=mailing_id, failures=failures, exc_info=failures == 1)
    if failures >= MOST_FAILURES:
        reason = Reason(Code.AUDIENCE_FAILED, text=_first_line(trouble)[:LONGEST_REASON])
        Mailing.objects.get(id=mailing_id).move(PAUSE, reason=reason.fit())


def _first_line(trouble: Exception) -> str:
    return (str(trouble).splitlines() or [type(trouble).__name__])[0]


def enlist_chunk(mailing_id: int, *, few: bool = False) -> bool:
    """Enlist the next chunk; return False if none is left or another worker enlists this mailing.

    With `few` the audience is enlisted by one statement, which is one instant, so no ids are
    stored. If the audience has grown beyond a chunk meanwhile, nothing is enlisted and True is
    returned.
    """
    with transaction.atomic():
        enlistment = (
            EnlistmentCursor.objects.select_related("mailing")
            .select_for_update(skip_locked=True, of=("self",))
            .filter(mailing=mailing_id, complete=False)
            .first()
        )
        if enlistment is None:
            return False
        if not few:
            _freeze(enlistment)
        chunk = _next_chunk(enlistment)
        taken, last, batches = _make_messages(enlistment, chunk.clients)
        if few and taken == chunk.size:
            transaction.set_rollback(True)
            return True
        if enlistment.mailing.local_hours is not None:
            local_hours.schedule_new(enlistment.mailing, enlistment.next_number)
        enlistment.cursor = chunk.last or last or enlistment.bound
        enlistment.complete = chunk.is_last if chunk.last else taken < chunk.size
        enlistment.next_number += batches
        enlistment.failures = 0
        enlistment.save()
        _forget_slices(enlistment)
        if enlistment.complete:
            Mailing.objects.filter(id=mailing_id).update(enlisted_at=Clock())
            log.info("mailing enlisted", mailing=mailing_id, batches=enlistment.next_number)
    return not enlistment.complete


def _forget_slices(enlistment: EnlistmentCursor) -> None:
    if enlistment.frozen:
        gone = {} if enlistment.complete else {"last_client_id__lte": enlistment.cursor}
        AudienceSlice.objects.filter(mailing=enlistment.mailing_id, **gone).delete()


@dataclass(frozen=True, slots=True)
class Chunk:
    """The clients of the next chunk.

    With stored slices `last` and `is_last` are known. Otherwise the chunk is the last one if fewer
    than `size` clients are returned.
    """

    clients: QuerySet[Client]
    size: int = 0
    last: int | None = None
    is_last: bool = False


def is_small(enlistment: EnlistmentCursor) -> bool:
    """Return whether one statement can make all messages: few clients, and none enlisted yet."""
    clients = select_recipients(enlistment.mailing.filter).filter(id__lte=enlistment.bound)
    return not enlistment.next_number and clients.order_by()[: FEW + 1].count() <= FEW


def _freeze(enlistment: EnlistmentCursor) -> None:
    """Store the ids that the filter matches now, once.

    Not needed without a filter, where the bound alone decides. An enlistment that an earlier
    version began goes on without stored ids.
    """
    if enlistment.frozen or enlistment.next_number or enlistment.cursor:
        return
    clients = select_recipients(enlistment.mailing.filter)
    if not clients.query.where:
        return
    matched = clients.filter(id__lte=enlistment.bound).values_list("id", flat=True)
    statement, parameters = matched.query.sql_with_params()
    sql.run(freeze_sql(statement), [enlistment.mailing_id, *parameters, CHUNK])
    enlistment.frozen = True


def _next_chunk(enlistment: EnlistmentCursor) -> Chunk:
    size = CHUNK if enlistment.next_number else FIRST_CHUNK
    if enlistment.frozen:
        return _next_of_slices(enlistment, size)
    clients = select_recipients(enlistment.mailing.filter).filter(
        id__gt=enlistment.cursor, id__lte=enlistment.bound
    )
    return Chunk(clients.order_by("id")[:size], size)


def _next_of_slices(enlistment: EnlistmentCursor, size: int) -> Chunk:
    slices = AudienceSlice.objects.filter(
        mailing=enlistment.mailing_id, last_client_id__gt=enlistment.cursor
    ).order_by("last_client_id")
    ids: list[int] = []
    for found in slices.values_list("client_ids", flat=True).iterator(chunk_size=4):
        ids += sorted(id for id in found if id > enlistment.cursor)
        if len(ids) > size:
            break
    first = [array(ids[:size])]
    among = RawSQL(AMONG, first, output_field=BooleanField())  # noqa: S611  (a constant)
    last = ids[size - 1] if len(ids) > size else enlistment.bound or 1
    return Chunk(Client.objects.order_by().filter(among), last=last, is_last=len(ids) <= size)


def _make_messages(
    enlistment: EnlistmentCursor, clients: QuerySet[Client]
) -> tuple[int, int | None, int]:
    """Create a chunk's messages; return the number of clients, the last id, and the batches."""
    text, version = enlistment.mailing.text, enlistment.mailing.text_version
    picked_sql, parameters = clients_sql(text, clients)
    statement = enlist_sql(
        f"{picked_sql} ORDER BY c.id",
        rendered_sql(text, "SELECT * FROM picked"),
        by_zone=enlistment.mailing.local_hours is not None,
        skip_enlisted=sql.value(ENLISTED_BEYOND, [enlistment.mailing_id, enlistment.cursor]),
    )
    mailing, number = enlistment.mailing_id, enlistment.next_number
    sql.rows(AT_WORK, [ENLISTING_LOCK])
    given = [*parameters, mailing, version, BATCH_SIZE, number, version]
    ((taken, last, batches),) = sql.rows(statement, given)
    return taken, last, batches
