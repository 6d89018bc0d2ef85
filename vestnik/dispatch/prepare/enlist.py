"""Enlisting: the audience of a launched mailing becomes messages, in batches.

The audience is enlisted completely, even if the mailing is paused, ends or is cancelled meanwhile,
so `matched` is the same number in each case. Messages created after the end are `expired`, after a
cancellation `cancelled`. Clients who must not or cannot get the text get a `suppressed` message
with the reason.

The audience is fixed at one instant (decision 0015): the ids that the filter matches are stored
before the first chunk, so that a tag that changes meanwhile has no effect.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import structlog
from django.db import transaction
from django.db.models import BooleanField, QuerySet
from django.db.models.expressions import RawSQL

from vestnik.audience.models import Client
from vestnik.db import sql
from vestnik.db.lock_ids import ENLISTING_LOCK
from vestnik.db.sql import array
from vestnik.dispatch.models import AudienceSlice, EnlistmentCursor
from vestnik.dispatch.prepare import local_hours
from vestnik.dispatch.prepare.enlist_failures import WAITS, attempt
from vestnik.dispatch.prepare.enlist_queue import ENLISTING_AT_ONCE, EnlistQueue, EnlistThreads
from vestnik.dispatch.prepare.recipients import clients_sql, rendered_sql, select_recipients
from vestnik.dispatch.signals import wakeups
from vestnik.dispatch.transitions.enlist import (
    BEGIN_CHUNK,
    END_CHUNK,
    MOST_FAILURES,
    enlist_sql,
)
from vestnik.mailings.models import MailingState

log = structlog.get_logger(__name__)

#: The threads of this process that enlist; a worker limits them by the number of its threads.
threads = EnlistThreads(2 * ENLISTING_AT_ONCE)
#: Mailings that may be small, and those that are enlisted in chunks.
new_ones = EnlistQueue(newest_too=True, threads=threads)
queue = EnlistQueue(threads=threads)

#: The messages of a batch (decision 0002).
BATCH_SIZE = 1000
#: Clients of the first transaction and of each later one. The first is small, so that sending
#: begins at once. For the rate alone 50,000 were best (155,000 rows a second).
FIRST_CHUNK, CHUNK = 1_000, 20_000
#: The size up to which an audience is enlisted at once, by one statement, without waiting its turn.
FEW = 500
#: New mailings that a thread takes before the next chunk of a large one.
NEW_BEFORE_CHUNK = 10

# Mailings to enlist, without those whose next try has to wait and those that were paused because
# enlisting failed. A mailing that an operator resumed is tried at once.
TO_ENLIST = f"""
SELECT e.mailing_id FROM dispatch_enlistment e JOIN mailings_mailing m ON m.id = e.mailing_id
WHERE NOT e.complete AND CASE WHEN e.failures < %(most)s THEN NOT {WAITS}
    ELSE m.state = '{MailingState.RUNNING}' END
"""
ALL_TO_ENLIST = f"{TO_ENLIST} ORDER BY e.mailing_id"
# Mailings of which nothing is enlisted yet come first: they may be small ones.
SOME_TO_ENLIST = f"{TO_ENLIST} ORDER BY e.next_number > 0, random() LIMIT %(limit)s"


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
    """Enlist mailings: the small ones at once, one after the other, the others in chunks.

    They join the mailings that wait in this process already, so a mailing to few clients does not
    wait for a large one, and no mailing waits for all before it. Return at once if there is nothing
    to do, or enough threads of the process enlist already: when hundreds of small mailings took
    every thread, the process sent nothing for 17 s. After several failures a mailing is paused,
    with the error as its reason.
    """
    for mailing_id in mailings:
        if mailing_id not in queue:
            new_ones.add(mailing_id)
    while not stopping() and _enlist_some(stopping):
        pass


def _enlist_some(stopping: Callable[[], bool]) -> bool:
    """Enlist some new mailings, then one chunk; return False if this thread had nothing to do."""
    step, count = partial(attempt, _enlist_if_small), 0
    while count < NEW_BEFORE_CHUNK and not stopping() and new_ones.work_once(step):
        count += 1
    return queue.work_once(partial(attempt, _enlist_and_wake)) or count > 0


def _enlist_if_small(mailing_id: int) -> bool:
    """Enlist the mailing if it is small, otherwise append it to the queue of chunks."""
    if enlist_few(mailing_id):
        queue.add(mailing_id)
    return False


def _enlist_and_wake(mailing_id: int) -> bool:
    """Enlist the next chunk and wake dispatchers; return whether there are more chunks to
    enlist."""
    more = enlist_chunk(mailing_id)
    wakeups.wake_dispatchers_for(mailing_id)
    return more


def enlist_few(mailing_id: int) -> bool:
    """Enlist the whole audience by one statement if it is small, and wake a dispatcher.

    One statement is one instant, so no ids are stored. If the audience has more than FEW clients or
    is enlisted in chunks already, nothing is done and True is returned.
    """
    with transaction.atomic():
        enlistment = _lock(mailing_id)
        if enlistment is None:
            return False
        if enlistment.next_number or enlistment.frozen:
            return True
        clients = _clients_beyond_cursor(enlistment)[: FEW + 1]
        taken, last, batches = _make_messages(enlistment, clients, most=FEW)
        if taken > FEW:
            return True
        _end_chunk(enlistment, last or enlistment.bound, batches, is_last=True)
    if batches and enlistment.mailing.state == MailingState.RUNNING:
        wakeups.wake_dispatcher_soon(enlistment.mailing.provider)
    return False


def enlist_chunk(mailing_id: int) -> bool:
    """Enlist the next chunk; return False if none is left or another worker enlists this
    mailing."""
    with transaction.atomic():
        enlistment = _lock(mailing_id)
        if enlistment is None:
            return False
        _freeze(enlistment)
        chunk = _next_chunk(enlistment)
        taken, last, batches = _make_messages(enlistment, chunk.clients)
        cursor = chunk.last or last or enlistment.bound
        is_last = chunk.is_last if chunk.last else taken < chunk.size
        _end_chunk(enlistment, cursor, batches, is_last=is_last)
    return not is_last


def _lock(mailing_id: int) -> EnlistmentCursor | None:
    """Lock the mailing's cursor; return None if it is enlisted or another worker enlists it."""
    cursors = EnlistmentCursor.objects.select_related("mailing").filter(complete=False)
    free = cursors.select_for_update(skip_locked=True, of=("self",))
    return free.filter(mailing=mailing_id).first()


def _end_chunk(enlistment: EnlistmentCursor, cursor: int, batches: int, *, is_last: bool) -> None:
    """Schedule the batches by the local hours, and move the cursor."""
    mailing, number = enlistment.mailing, enlistment.next_number + batches
    if mailing.local_hours is not None:
        local_hours.schedule_new(mailing, enlistment.next_number)
    sql.run(END_CHUNK, [cursor, number, is_last, enlistment.frozen, mailing.id])
    if enlistment.frozen:
        gone = {} if is_last else {"last_client_id__lte": cursor}
        AudienceSlice.objects.filter(mailing=mailing, **gone).delete()
    if is_last:
        log.info("mailing enlisted", mailing=mailing.id, batches=number)


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


def _clients_beyond_cursor(enlistment: EnlistmentCursor) -> QuerySet[Client]:
    """Return the clients that the filter matches now and that are not enlisted yet, unordered."""
    return select_recipients(enlistment.mailing.filter).filter(
        id__gt=enlistment.cursor, id__lte=enlistment.bound
    )


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
    return Chunk(_clients_beyond_cursor(enlistment).order_by("id")[:size], size)


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
    enlistment: EnlistmentCursor, clients: QuerySet[Client], most: int | None = None
) -> tuple[int, int | None, int]:
    """Create a chunk's messages; return the number of clients, the last id, and the batches.

    Nothing is created if there are more than `most` clients.
    """
    mailing, number = enlistment.mailing, enlistment.next_number
    picked_sql, parameters = clients_sql(mailing.text, clients)
    statement = enlist_sql(
        f"{picked_sql} ORDER BY c.id",
        rendered_sql(mailing.text, "SELECT * FROM picked"),
        by_zone=mailing.local_hours is not None,
        skip_enlisted=sql.value(BEGIN_CHUNK, [mailing.id, enlistment.cursor, ENLISTING_LOCK]),
        most=most,
    )
    version = mailing.text_version
    given = [*parameters, mailing.id, version, BATCH_SIZE, number, version]
    ((taken, last, batches),) = sql.rows(statement, given)
    return taken, last, batches
