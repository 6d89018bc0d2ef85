"""A new text for the messages of a mailing that still wait, once its text was changed.

A batch has the version of its messages' text, and a flight is marked only where batch, mailing and
what the worker has loaded are of one version. So nobody is sent one text and recorded with another:
what is in flight when the text changes keeps its own, and the rest is rendered anew, batch by
batch, at once or at the latest when its batch is claimed. Should a message come back from a flight
to be tried again, it gets the new text then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import transaction
from django.db.models import F, Func, IntegerField, Sum

from vestnik.audience.models import Client
from vestnik.db import sql
from vestnik.db.advisory_lock import advisory_lock
from vestnik.db.lock_ids import TEXT_RENEWAL_LOCK
from vestnik.dispatch.models import Batch
from vestnik.dispatch.prepare.recipients import clients_sql, rendered_sql
from vestnik.dispatch.signals.wakeups import wake_for
from vestnik.dispatch.states import DONE, HANDED_OVER, QUEUED
from vestnik.dispatch.transitions.renew import renew_sql
from vestnik.mailings.models import UNDER_WAY_SQL, Mailing
from vestnik.mailings.template import parse, placeholders
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

log = structlog.get_logger(__name__)

GONE = Reason(Code.CLIENT_DELETED)
NUMBER = "phone_number"

WAITING_MESSAGES = f"""
SELECT m.id, m.client_id FROM dispatch_batch b
JOIN dispatch_message m ON m.mailing_id + 0 = b.mailing_id
    AND m.id BETWEEN b.first_message_id AND b.last_message_id
WHERE b.id = %s AND m.state = '{QUEUED}' AND m.text_version < %s AND NOT m.id = ANY(b.in_flight)
"""

TO_RENEW = f"""
SELECT m.id FROM mailings_mailing m
WHERE m.state IN {UNDER_WAY_SQL} AND m.text_version > 1 AND EXISTS (
    SELECT FROM dispatch_batch b
    WHERE b.mailing_id = m.id AND b.state <> '{DONE}' AND b.text_version < m.text_version
)
"""
IS_TO_RENEW = f"{TO_RENEW} AND m.id = %s"


@dataclass(frozen=True, slots=True)
class TextChangeImpact:
    """How many messages were handed over, or are just now, and how many still wait."""

    handed_over: int
    waiting: int


def impact_of(mailing: Mailing) -> TextChangeImpact:
    """Whom a new text would come too late for, and who would get it; by the batches' counts."""
    flying = Func(F("in_flight"), function="cardinality", output_field=IntegerField())
    sums = {state: Sum(state) for state in HANDED_OVER}
    counts = mailing.batches.aggregate(flying=Sum(flying), queued=Sum("queued"), **sums)
    counts = {name: count or 0 for name, count in counts.items()}
    waiting = counts.pop("queued") - counts["flying"]
    return TextChangeImpact(sum(counts.values()), waiting)


def change(mailing: Mailing, changes: Mapping[str, Any], *, actor: str) -> None:
    """Change a mailing; where its text is new and it is under way, put on record for how many.

    Raises StateConflict as `Mailing.change` does.
    """
    version = mailing.text_version
    with transaction.atomic():
        mailing.change(changes, actor=actor)
        if mailing.text_version != version:
            reach = impact_of(mailing)
            reason = Reason(
                Code.NEW_TEXT,
                version=mailing.text_version,
                waiting=reach.waiting,
                had=reach.handed_over,
            )
            mailing.record_event("new_text", actor=actor, reason=reason)
        wake_for(mailing.id)


def renew(batch_id: int) -> int:
    """Give the batch's messages that wait the mailing's text of now; how many."""
    with transaction.atomic():
        batch = Batch.objects.select_for_update(no_key=True).get(id=batch_id)
        mailing = Mailing.objects.get(id=batch.mailing_id)
        waiting = sql.rows(WAITING_MESSAGES, [batch_id, mailing.text_version])
        _render(mailing, batch_id, waiting)
    return len(waiting)


def show_new_numbers(batch_id: int, messages: Sequence[tuple[int, int]]) -> None:
    """Render the texts of messages (id and client) anew whose clients have another number by now,
    where the mailing's text shows it; to be called in a transaction.

    The same digits may be in a text for another reason, so nothing is replaced in it. A text of an
    earlier version that shows the number is renewed when its batch is claimed, if not here.
    """
    batch = Batch.objects.select_for_update(no_key=True).get(id=batch_id)
    mailing = Mailing.objects.get(id=batch.mailing_id)
    if NUMBER not in {slot.name for slot in placeholders(parse(mailing.text))}:
        return
    if batch.text_version < mailing.text_version:
        renew(batch_id)
    _render(mailing, batch_id, messages)


def _render(mailing: Mailing, batch_id: int, waiting: Sequence[tuple[int, int | None]]) -> None:
    ids, clients = [message for message, _ in waiting], [client for _, client in waiting]
    known = [client for client in clients if client is not None] or [0]
    picked_sql, parameters = clients_sql(
        mailing.text, Client.objects.order_by().filter(id__in=known)
    )
    statement = renew_sql(picked_sql, rendered_sql(mailing.text, "SELECT * FROM picked"))
    version, segments = mailing.text_version, mailing.segments
    gone = (GONE.text, GONE.json)
    sql.run(statement, [*parameters, version, segments, *gone, ids, clients, version, batch_id])


def renew_all(mailing_id: int) -> None:
    """The same for all batches of a mailing under way; returns at once where another is at it."""
    if not sql.rows(IS_TO_RENEW, [mailing_id]):
        return
    mailing = Mailing.objects.get(id=mailing_id)
    with advisory_lock(TEXT_RENEWAL_LOCK + mailing_id % 2**32) as is_acquired:
        if is_acquired:
            count = sum(map(renew, _behind(mailing)))
            log.info("texts renewed", mailing=mailing_id, version=mailing.text_version, count=count)


def _behind(mailing: Mailing) -> list[int]:
    behind = Batch.objects.filter(mailing=mailing, text_version__lt=mailing.text_version)
    unfinished = behind.exclude(state=DONE).order_by("number")
    return list(unfinished.values_list("id", flat=True))


def mailings_to_renew() -> list[int]:
    """The mailings under way with batches whose messages have an earlier text."""
    return [mailing for (mailing,) in sql.rows(TO_RENEW)]
