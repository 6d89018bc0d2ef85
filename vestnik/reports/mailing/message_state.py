"""How a message reads: the one place that turns what is stored into what is shown.

A message that is stored as queued is being sent while its id is in the flight of a claimed batch.
Once its mailing is cancelled, or its end has come, it reads as cancelled or expired at once,
however long the rows take to be brought up behind it.
"""

from django.db.models import Case, CharField, F, Func, IntegerField, Q, QuerySet, Value, When
from django.db.models.expressions import Combinable

from vestnik.dispatch.models import Batch, Message
from vestnik.dispatch.states import BatchState, MessageState
from vestnik.mailings.models import UNDER_WAY, MailingState
from vestnik.mailings.window import has_come

STATES = tuple(MessageState.values)
#: What is still to come of a message.
OPEN = (MessageState.QUEUED, MessageState.SENDING)
KEPT_COUNTS = tuple(state for state in STATES if state != MessageState.SENDING)


def remainder_of(mailing: str = "mailing__") -> Case:
    """What a queued message outside of any flight reads as; `mailing` is the way to its mailing."""
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


def in_flight() -> QuerySet[Batch, int]:
    """The ids that are being handed over. Few batches are claimed, and their index is partial,
    so PostgreSQL hashes these ids once for a query."""
    claimed = Batch.objects.filter(state=BatchState.CLAIMED).order_by()
    return claimed.values_list(Func(F("in_flight"), function="unnest"), flat=True)


def reads_as() -> Case:
    """The state of a message as it is shown."""
    return Case(
        When(~Q(state=MessageState.QUEUED), then=F("state")),
        When(Q(id__in=in_flight()), then=Value(MessageState.SENDING)),
        default=remainder_of(),
        output_field=CharField(),
    )


def flying() -> Func:
    """How many messages of a batch are being handed over."""
    return Func(F("in_flight"), function="cardinality", output_field=IntegerField())


def held(state: str) -> Combinable:
    """How many messages of a batch may read as `state`: never fewer than do."""
    if state == MessageState.SENDING:
        return flying()
    left = Case(When(Q(remainder=state), then=F("queued")), default=Value(0))
    return left if state == MessageState.QUEUED else F(state) + left


def batches_holding(state: str) -> QuerySet[Batch]:
    """The batches with messages that may read as `state`, with their number as `held`."""
    batches = Batch.objects.annotate(remainder=remainder_of()).annotate(held=held(state))
    return batches.filter(held__gt=0)


def messages() -> QuerySet[Message]:
    """All messages, each with the state that it reads as in `reads_as`."""
    return Message.objects.annotate(reads_as=reads_as())
