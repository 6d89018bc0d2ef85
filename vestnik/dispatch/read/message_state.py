"""The displayed state of a message, derived from the stored one.

A message that is stored as queued reads as sending while a claimed batch has its id in flight. Once
its mailing is cancelled or over, it reads as cancelled or expired at once, before its row is
updated (decision 0077).
"""

from django.db.models import Case, CharField, F, Func, IntegerField, Q, QuerySet, Value, When
from django.db.models.expressions import Combinable

from vestnik.dispatch.models import Batch, Message
from vestnik.dispatch.states import BatchState, MessageState
from vestnik.mailings.models import UNDER_WAY, MailingState
from vestnik.mailings.window import has_come

STATES = tuple(MessageState.values)
#: States from which a message may still be sent.
OPEN = (MessageState.QUEUED, MessageState.SENDING)
KEPT_COUNTS = tuple(state for state in STATES if state != MessageState.SENDING)


def remainder_of(mailing: str = "mailing__") -> Case:
    """Return the state of queued messages outside a flight; `mailing` is the lookup path."""
    state = f"{mailing}state"
    over = Q(**{state: MailingState.FINISHED}) | (
        Q(**{f"{state}__in": UNDER_WAY}) & has_come(f"{mailing}ends_at")
    )
    return Case(
        When(Q(**{state: MailingState.CANCELLED}), then=Value(MessageState.CANCELLED)),
        When(over, then=Value(MessageState.EXPIRED)),
        default=Value(MessageState.QUEUED),
        output_field=CharField(),
    )


def in_flight_ids() -> QuerySet[Batch, int]:
    """Return the ids of messages in flight. Few batches are claimed, and their index is partial,
    so PostgreSQL hashes these ids once per query."""
    claimed = Batch.objects.filter(state=BatchState.CLAIMED).order_by()
    return claimed.values_list(Func(F("in_flight"), function="unnest"), flat=True)


def displayed_state() -> Case:
    """Return the displayed state of a message."""
    return Case(
        When(~Q(state=MessageState.QUEUED), then=F("state")),
        When(Q(id__in=in_flight_ids()), then=Value(MessageState.SENDING)),
        default=remainder_of(),
        output_field=CharField(),
    )


def in_flight_count() -> Func:
    """Return the number of a batch's messages in flight."""
    return Func(F("in_flight"), function="cardinality", output_field=IntegerField())


def count_in_state(state: str) -> Combinable:
    """Return an upper bound of a batch's messages that read as `state`."""
    if state == MessageState.SENDING:
        return in_flight_count()
    remaining = Case(When(Q(remainder=state), then=F("queued")), default=Value(0))
    return remaining if state == MessageState.QUEUED else F(state) + remaining


def batches_with_state(state: str) -> QuerySet[Batch]:
    """Return batches with messages that may read as `state`, annotated with the bound as `held`."""
    batches = Batch.objects.annotate(remainder=remainder_of()).annotate(held=count_in_state(state))
    return batches.filter(held__gt=0)


def messages() -> QuerySet[Message]:
    """Return all messages, annotated with the displayed state as `reads_as`."""
    return Message.objects.annotate(reads_as=displayed_state())
