"""Sending again to those whom a mailing did not reach: a mailing of its own, to the clients whose
message of the other is in certain states when it starts."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, Func, OuterRef, Q, QuerySet

from vestnik.dispatch.models import Batch, Message
from vestnik.dispatch.states import BatchState, MessageState
from vestnik.mailings.models import Mailing, MailingState, StateConflict
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

UNREACHED = (
    MessageState.FAILED.value,
    MessageState.EXPIRED.value,
    MessageState.UNKNOWN.value,
    MessageState.UNDELIVERED.value,
    MessageState.CANCELLED.value,
)
#: Whom it is for unless states are named: a mailing is cancelled on purpose.
BY_DEFAULT = tuple(state for state in UNREACHED if state != MessageState.CANCELLED)
OVER = (MailingState.FINISHED, MailingState.CANCELLED)
TAKEN_OVER = ("name", "text", "provider", "rate_limit", "local_hours")


def send_again(other: Mailing, states: Sequence[str], *, actor: str, **fields: Any) -> Mailing:
    """A new mailing to those clients; what `fields` leave out is as of the other.

    Raises StateConflict while the other may still reach them.
    """
    same = {name: getattr(other, name) for name in TAKEN_OVER}
    again = {"mailing": other.id, "states": list(states)}
    with transaction.atomic():
        # Its unknown messages may be resent just now, which makes it run again.
        other = Mailing.objects.select_for_update(no_key=True).get(id=other.id)
        if other.state not in OVER:
            raise StateConflict(other, "send again")
        mailing = Mailing.objects.schedule(
            actor=actor, **{**same, **fields, "filter": {"again": again}}
        )
        reason = Reason(Code.SENDS_AGAIN, states=list(states), id=other.id)
        mailing.note("send_again", actor=actor, reason=reason)
        other.note("send_again", actor=actor, reason=Reason(Code.SENT_AGAIN_BY, id=mailing.id))
    return mailing


def unreached(mailing: int, states: Sequence[str]) -> Exists:
    """Whether a client's message of that mailing is in one of the states; by a unique index.

    What a cancel has not come to yet is cancelled, too: nothing of it leaves any more.
    """
    reads_so = Q(state__in=states)
    if MessageState.CANCELLED in states:
        left = Q(state=MessageState.QUEUED, mailing__state=MailingState.CANCELLED)
        reads_so |= left & ~Q(id__in=in_flight(mailing))
    return Exists(
        Message.objects.filter(reads_so, mailing=mailing, client=OuterRef("id")).order_by()
    )


def in_flight(mailing: int) -> QuerySet[Batch, int]:
    """The ids of the mailing's messages that are being handed over."""
    claimed = Batch.objects.filter(mailing=mailing, state=BatchState.CLAIMED).order_by()
    return claimed.values_list(Func(F("in_flight"), function="unnest"), flat=True)
