"""Sending again to those whom a mailing did not reach: a mailing of its own, to the clients whose
message of the other is in certain states when it starts."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef

from vestnik.dispatch.models import Message, MessageState
from vestnik.mailings.models import Mailing, MailingState, StateConflict

UNREACHED = (
    MessageState.FAILED.value,
    MessageState.EXPIRED.value,
    MessageState.UNKNOWN.value,
    MessageState.UNDELIVERED.value,
)
OVER = (MailingState.FINISHED, MailingState.CANCELLED)
TAKEN_OVER = ("name", "text", "provider", "rate_limit", "local_hours")


def send_again(other: Mailing, states: Sequence[str], *, actor: str, **fields: Any) -> Mailing:
    """A new mailing to those clients; what `fields` leave out is as of the other.

    Raises StateConflict while the other may still reach them.
    """
    if other.state not in OVER:
        raise StateConflict(other, "send again")
    same = {name: getattr(other, name) for name in TAKEN_OVER}
    again = {"mailing": other.id, "states": list(states)}
    with transaction.atomic():
        mailing = Mailing.objects.schedule(
            actor=actor, **{**same, **fields, "filter": {"again": again}}
        )
        reason = f"again to {', '.join(states)} of mailing {other.id}"
        mailing.note("send_again", actor=actor, reason=reason)
        other.note("send_again", actor=actor, reason=f"by mailing {mailing.id}")
    return mailing


def unreached(mailing: int, states: Sequence[str]) -> Exists:
    """Whether a client's message of that mailing is in one of the states; by a unique index."""
    return Exists(
        Message.objects.filter(mailing=mailing, client=OuterRef("id"), state__in=states).order_by()
    )
