"""Follow-ups: a new mailing to the clients whom another mailing did not reach.

Its audience is the clients whose message of the other mailing is in certain states when it starts.
"""

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
#: The states unless others are named. Cancelled is left out: a mailing is cancelled on purpose.
BY_DEFAULT = tuple(state for state in UNREACHED if state != MessageState.CANCELLED)
ENDED_STATES = (MailingState.FINISHED, MailingState.CANCELLED)
COPIED_FIELDS = ("name", "text", "provider", "rate_limit", "local_hours")
EVENT = "send_again"


class FollowedUp(Exception):
    """Raised when another follow-up was created since the caller read them."""


def follow_ups_of(original: Mailing) -> list[int]:
    """Return the earlier follow-ups of a mailing, except those that never started and never will.

    Clients whom they reached are not reached by `original` all the same, so a further follow-up
    goes to them, too.
    """
    noted = original.events.filter(event=EVENT, reason_details__code=Code.SENT_AGAIN_BY)
    details: list[Any] = list(noted.values_list("reason_details", flat=True))
    ids = [one["params"]["id"] for one in details]
    ended = Q(state__in=(MailingState.CANCELLED, MailingState.MISSED), started_at=None)
    later = Mailing.objects.filter(id__in=ids).exclude(ended).order_by("id")
    return list(later.values_list("id", flat=True))


def create_follow_up(
    original: Mailing,
    states: Sequence[str],
    *,
    actor: str,
    known: Sequence[int] | None = None,
    **fields: Any,
) -> Mailing:
    """Create a follow-up to the clients whose message of `original` is in one of `states`.

    What `fields` leave out is copied from `original`. Raises StateConflict while `original` has not
    ended, since it may still reach them (decision 0107), and FollowedUp if its follow-ups are not
    the `known` ones.
    """
    same = {name: getattr(original, name) for name in COPIED_FIELDS}
    again = {"mailing": original.id, "states": list(states)}
    with transaction.atomic():
        # Locked: resending unknown messages at the same moment makes the mailing run again.
        original = Mailing.objects.select_for_update(no_key=True).get(id=original.id)
        if original.state not in ENDED_STATES:
            raise StateConflict(original, "send again")
        if known is not None and follow_ups_of(original) != [*known]:
            raise FollowedUp
        mailing = Mailing.objects.schedule(
            actor=actor, **{**same, **fields, "filter": {"again": again}}
        )
        reason = Reason(Code.SENDS_AGAIN, states=list(states), id=original.id)
        mailing.record_event(EVENT, actor=actor, reason=reason)
        original.record_event(EVENT, actor=actor, reason=Reason(Code.SENT_AGAIN_BY, id=mailing.id))
    return mailing


def unreached(mailing: int, states: Sequence[str]) -> Exists:
    """Return the condition that a client's message of the mailing is in one of the states.

    Queued messages of a cancelled mailing count as cancelled, although closing has not updated them
    yet. Each client takes one probe of the unique index (mailing, client).
    """
    reads_so = Q(state__in=states)
    if MessageState.CANCELLED in states:
        left = Q(state=MessageState.QUEUED, mailing__state=MailingState.CANCELLED)
        reads_so |= left & ~Q(id__in=ids_in_flight(mailing))
    return Exists(
        Message.objects.filter(reads_so, mailing=mailing, client=OuterRef("id")).order_by()
    )


def ids_in_flight(mailing: int) -> QuerySet[Batch, int]:
    """Return the ids of the mailing's messages in flight."""
    claimed = Batch.objects.filter(mailing=mailing, state=BatchState.CLAIMED).order_by()
    return claimed.values_list(Func(F("in_flight"), function="unnest"), flat=True)
