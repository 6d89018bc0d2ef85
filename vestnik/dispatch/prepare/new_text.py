"""Renders queued messages again after their mailing's text was changed (decision 0050).

A batch stores the version of its messages' text. A flight is marked only if the batch, the mailing
and what the worker has loaded have the same version, so no client gets one text and is recorded
with another. Messages in flight keep their text; the others are rendered again, batch by batch, at
the latest when their batch is claimed. A message that returns from a flight to be retried gets the
new text then.
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
from vestnik.dispatch.signals.wakeups import wake_for
from vestnik.dispatch.states import DONE, HANDED_OVER, QUEUED
from vestnik.dispatch.transitions.renew import renew_sql
from vestnik.mailings.models import UNDER_WAY_SQL, Mailing
from vestnik.mailings.rendering import clients_sql, rendered_sql
from vestnik.mailings.text import parse, placeholders
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

log = structlog.get_logger(__name__)

GONE = Reason(Code.CLIENT_DELETED)
NUMBER = "phone_number"

# The queued messages of a batch with an older text, except those in flight.
WAITING_MESSAGES = f"""
SELECT m.id, m.client_id FROM dispatch_batch b
JOIN dispatch_message m ON m.mailing_id + 0 = b.mailing_id
    AND m.id BETWEEN b.first_message_id AND b.last_message_id
WHERE b.id = %s AND m.state = '{QUEUED}' AND m.text_version < %s AND NOT m.id = ANY(b.in_flight)
"""

# Mailings under way with an unfinished batch of an older text. Version 1 has never been changed.
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
    """How many messages were or are being handed over, and how many still wait."""

    handed_over: int
    waiting: int


def impact_of(mailing: Mailing) -> TextChangeImpact:
    """Return how many messages a new text would reach, by the batches' counts."""
    flying = Func(F("in_flight"), function="cardinality", output_field=IntegerField())
    sums = {state: Sum(state) for state in HANDED_OVER}
    counts = mailing.batches.aggregate(flying=Sum(flying), queued=Sum("queued"), **sums)
    counts = {name: count or 0 for name, count in counts.items()}
    waiting = counts.pop("queued") - counts["flying"]
    return TextChangeImpact(sum(counts.values()), waiting)


def change(mailing: Mailing, changes: Mapping[str, Any], *, actor: str) -> None:
    """Change a mailing; record an event with the numbers of messages if its text changed.

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
    """Render the waiting messages of a batch with the mailing's present text; return how many."""
    with transaction.atomic():
        batch = Batch.objects.select_for_update(no_key=True).get(id=batch_id)
        mailing = Mailing.objects.get(id=batch.mailing_id)
        waiting = sql.rows(WAITING_MESSAGES, [batch_id, mailing.text_version])
        _render(mailing, batch_id, waiting)
    return len(waiting)


def show_new_numbers(batch_id: int, messages: Sequence[tuple[int, int]]) -> None:
    """Render messages (pairs of id and client id) again if the mailing's text shows the phone
    number.

    For clients whose number has changed; to be called in a transaction. The digits are not replaced
    in the stored text, since they may be in it for another reason. A text of an earlier version is
    rendered when its batch is claimed, if not here.
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
    """Render all batches of a mailing under way again; return at once if another worker does."""
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
    """Return the mailings under way that have batches with an earlier text."""
    return [mailing for (mailing,) in sql.rows(TO_RENEW)]
