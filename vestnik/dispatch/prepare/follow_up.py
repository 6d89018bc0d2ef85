"""Follow-ups: a new mailing to the clients whom another mailing did not reach.

Its audience is the clients whose message of the other mailing is in certain states when it starts.
"""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, Func, OuterRef, Q, QuerySet

from vestnik.dispatch.models import Batch, Message
from vestnik.dispatch.states import BatchState, MessageState
from vestnik.mailings.models import Mailing, MailingEvent, MailingState, StateConflict
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
    """Raised when another follow-up was created since the caller read the later ones."""


def later_follow_ups(original: Mailing) -> list[int]:
    """Return the later mailings that may have reached those whom `original` did not.

    They are its follow-ups, theirs, and later ones of the mailing that it follows. Their clients
    are not reached by `original` all the same, so a further follow-up goes to them, too. Those that
    never started and never will are left out.
    """
    ids, wave = list[int](), [_first_of(original)]
    while wave := _follow_ups_of(wave):
        ids += wave
    ended = Q(state__in=(MailingState.CANCELLED, MailingState.MISSED), started_at=None)
    later = Mailing.objects.filter(id__in=ids, id__gt=original.id).exclude(ended).order_by("id")
    return list(later.values_list("id", flat=True))


def _first_of(mailing: Mailing) -> int:
    """Return the mailing with which the chain of follow-ups began that ends in this one."""
    first = mailing.id
    while (again := mailing.filter.get("again")) and again["mailing"] < first:
        first = again["mailing"]
        mailing = Mailing.objects.filter(id=first).first() or Mailing(filter={})
    return first


def _follow_ups_of(mailings: Sequence[int]) -> list[int]:
    events = MailingEvent.objects.filter(mailing__in=mailings, event=EVENT)
    noted = events.filter(reason_details__code=Code.SENT_AGAIN_BY)
    details: list[Any] = list(noted.values_list("reason_details", flat=True))
    return [one["params"]["id"] for one in details]


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
    ended, since it may still reach them (decision 0107), and FollowedUp if the later follow-ups are
    not the `known` ones.
    """
    same = {name: getattr(original, name) for name in COPIED_FIELDS}
    again = {"mailing": original.id, "states": list(states)}
    with transaction.atomic():
        original = _locked(original)
        if original.state not in ENDED_STATES:
            raise StateConflict(original, "send again")
        if known is not None and later_follow_ups(original) != [*known]:
            raise FollowedUp
        mailing = Mailing.objects.schedule(
            actor=actor, **{**same, **fields, "filter": {"again": again}}
        )
        reason = Reason(Code.SENDS_AGAIN, states=list(states), id=original.id)
        mailing.record_event(EVENT, actor=actor, reason=reason)
        original.record_event(EVENT, actor=actor, reason=Reason(Code.SENT_AGAIN_BY, id=mailing.id))
    return mailing


def _locked(original: Mailing) -> Mailing:
    """Lock the mailing, since resending unknown messages at the same moment makes it run again, and
    the first one, so that of two follow-ups to the same clients one knows of the other."""
    ids = (_first_of(original), original.id)
    locked = Mailing.objects.select_for_update(no_key=True).filter(id__in=ids).order_by("id")
    return {mailing.id: mailing for mailing in locked}[original.id]


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
