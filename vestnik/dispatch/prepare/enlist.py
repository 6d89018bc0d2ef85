"""Enlisting: the audience of a launched mailing becomes messages, in batches.

The audience is enlisted completely, even if the mailing is paused, ends or is cancelled meanwhile,
so `matched` is the same number in each case. Messages created after the end are `expired`, after a
cancellation `cancelled`. Clients who must not or cannot get the text get a `suppressed` message
with the reason.

The audience is fixed at one instant (decision 0015): the ids that the filter matches are stored
before the first chunk, so that a tag that changes meanwhile has no effect.
"""

from dataclasses import dataclass
from typing import Any

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
from vestnik.dispatch.prepare.recipients import select_recipients
from vestnik.dispatch.signals import wakeups
from vestnik.dispatch.transitions.enlist import BEGIN_CHUNK, END_CHUNK, enlist_sql
from vestnik.mailings.models import MailingState
from vestnik.mailings.rendering import clients_sql, rendered_sql

log = structlog.get_logger(__name__)

#: The messages of a batch (decision 0002).
BATCH_SIZE = 1000
#: Clients of the first transaction and of each later one. The first is small, so that sending
#: begins at once. For the rate alone 50,000 were best (155,000 rows a second).
FIRST_CHUNK, CHUNK = 1_000, 20_000
#: The size up to which an audience is enlisted at once, by one statement, without waiting its turn.
FEW = 500


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
        is_enlisted, batches = _enlist(enlistment, Chunk(clients, FEW + 1), most=FEW)
    if batches and enlistment.mailing.state == MailingState.RUNNING:
        wakeups.wake_dispatcher_soon(enlistment.mailing.provider)
    return not is_enlisted


def enlist_chunk(mailing_id: int) -> bool:
    """Enlist the next chunk; return False if none is left or another worker enlists this
    mailing."""
    with transaction.atomic():
        enlistment = _lock(mailing_id)
        if enlistment is None:
            return False
        _freeze(enlistment)
        is_last, _ = _enlist(enlistment, _next_chunk(enlistment))
    return not is_last


def _lock(mailing_id: int) -> EnlistmentCursor | None:
    """Lock the mailing's cursor; return None if it is enlisted or another worker enlists it."""
    cursors = EnlistmentCursor.objects.select_related("mailing").filter(complete=False)
    free = cursors.select_for_update(skip_locked=True, of=("self",))
    return free.filter(mailing=mailing_id).first()


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


def _enlist(
    enlistment: EnlistmentCursor, chunk: Chunk, most: int | None = None
) -> tuple[bool, int]:
    """Make a chunk's messages, schedule its batches by the local hours, and move the cursor.

    Return whether the audience is enlisted now, and the number of batches. Nothing is done if there
    are more than `most` clients.
    """
    mailing, first = enlistment.mailing, enlistment.next_number
    is_repeated = sql.value(BEGIN_CHUNK, [mailing.id, enlistment.cursor, ENLISTING_LOCK])
    statement, parameters = _statement(enlistment, chunk.clients, is_repeated, most)
    ((taken, last, batches),) = sql.rows(statement, parameters)
    if most is not None and taken > most:
        return False, 0
    is_last = chunk.is_last if chunk.last else taken < chunk.size
    if mailing.local_hours is not None:
        local_hours.schedule_new(mailing, first)
    cursor = chunk.last or last or enlistment.bound
    sql.run(END_CHUNK, [cursor, first + batches, is_last, enlistment.frozen, mailing.id])
    if enlistment.frozen:
        gone = {} if is_last else {"last_client_id__lte": cursor}
        AudienceSlice.objects.filter(mailing=mailing, **gone).delete()
    if is_last:
        log.info("mailing enlisted", mailing=mailing.id, batches=first + batches)
    return is_last, batches


def _statement(
    enlistment: EnlistmentCursor, clients: QuerySet[Client], is_repeated: bool, most: int | None
) -> tuple[str, list[Any]]:
    """Return the statement that makes a chunk's messages, and its parameters.

    A repeated chunk is one of which some clients have messages already.
    """
    mailing, version = enlistment.mailing, enlistment.mailing.text_version
    picked_sql, parameters = clients_sql(mailing.text, clients)
    statement = enlist_sql(
        f"{picked_sql} ORDER BY c.id",
        rendered_sql(mailing.text, "SELECT * FROM picked"),
        by_zone=mailing.local_hours is not None,
        skip_enlisted=is_repeated,
        most=most,
    )
    given = [*parameters, mailing.id, version, BATCH_SIZE, enlistment.next_number, version]
    return statement, given
