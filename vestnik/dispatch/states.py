"""The states of messages and batches, the sets that statements use, and every move between states.

`docs/state-machine.md` is generated from this module, and the tests of the pipeline run with a
trigger that refuses any other move.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db import models

from vestnik.db.sql import literals
from vestnik.states import BatchState as BatchState
from vestnik.states import MessageState as MessageState


class BreakerState(models.TextChoices):
    """The state of a provider's circuit breaker: `half-open` lets one message through as a
    probe."""

    CLOSED = "closed", "Closed"
    OPEN = "open", "Open"
    HALF_OPEN = "half-open", "Half-open"


State = MessageState
QUEUED, SENT, DELIVERED, UNDELIVERED = State.QUEUED, State.SENT, State.DELIVERED, State.UNDELIVERED
FAILED, UNKNOWN, EXPIRED = State.FAILED, State.UNKNOWN, State.EXPIRED
CANCELLED, SUPPRESSED = State.CANCELLED, State.SUPPRESSED
READY, WAITING, CLAIMED, DONE = BatchState
STORED_STATES = tuple(state for state in State if state is not State.SENDING)
#: The provider has accepted the message.
LEFT_US = (State.SENT, State.DELIVERED, State.UNDELIVERED)
#: The message was handed to a provider, with any outcome.
HANDED_OVER = (*LEFT_US, State.FAILED, State.UNKNOWN)
#: A receipt, or the answer to a status query, settles the message.
RECEIVABLE = (State.SENT, State.UNKNOWN)
#: A receipt settles the message too where an earlier attempt of it may have arrived.
RECEIVABLE_IN_DOUBT = (State.QUEUED, State.FAILED)
#: Final, unless a receipt or a late outcome arrives.
SETTLED = tuple(state for state in STORED_STATES if state is not State.QUEUED)
#: No worker holds the batch, and it may have queued messages.
OPEN = (READY, WAITING)
#: The same sets as SQL lists.
RECEIVABLE_SQL, RECEIVABLE_IN_DOUBT_SQL = literals(RECEIVABLE), literals(RECEIVABLE_IN_DOUBT)
OPEN_SQL = literals(OPEN)

#: Outcomes of an attempt that are not stored as states. RESENT: this attempt may have arrived, and
#: the message is queued again. DOUBTED: this attempt was refused, but an earlier one may have
#: arrived. The recording statement stores `queued` for the first, `unknown` for the second.
RESENT, DOUBTED = "resent", "doubted"


S = TypeVar("S", MessageState, BatchState)


@dataclass(frozen=True)
class Move(Generic[S]):
    """A change of state from any of `sources` (none: the row is inserted) to one of `targets`."""

    name: str
    sources: tuple[S, ...]
    targets: tuple[S, ...]
    #: The module below `vestnik.dispatch` whose statement makes the change.
    module: str
    #: The event that causes the change.
    when: str


#: The final state of a queued message that may no longer leave although an earlier attempt of it
#: may have arrived: "not sent" could be wrong.
IN_DOUBT = State.UNKNOWN

MESSAGE_MOVES: tuple[Move[MessageState], ...] = (
    Move(
        "enlist",
        (),
        (State.QUEUED, State.SUPPRESSED, State.EXPIRED, State.CANCELLED),
        "transitions.enlist",
        "the mailing has launched; suppressed: on the stop list, no value, no text; expired or "
        "cancelled: the mailing ended before",
    ),
    Move(
        "record",
        (State.QUEUED,),
        (State.SENT, State.FAILED, State.UNKNOWN),
        "transitions.record",
        "the provider accepted, refused, or did not answer; refused for now: it stays queued",
    ),
    Move(
        "rescue",
        (State.QUEUED,),
        (State.UNKNOWN,),
        "transitions.lease",
        "the lease expired while the message was in flight",
    ),
    Move(
        "record late",
        (State.UNKNOWN,),
        (State.SENT, State.FAILED, State.QUEUED),
        "transitions.record",
        "the answer came after the lease had expired",
    ),
    Move(
        "receipt",
        (*RECEIVABLE, *RECEIVABLE_IN_DOUBT),
        (State.DELIVERED, State.UNDELIVERED),
        "transitions.receipt",
        "the provider reports the delivery; queued or failed: a receipt of an earlier attempt",
    ),
    Move(
        "status answer",
        (State.UNKNOWN,),
        (State.SENT, State.QUEUED),
        "transitions.resolve",
        "the provider was asked: it has the message, or never had it; a final state is a receipt",
    ),
    Move(
        "resend",
        (State.UNKNOWN,),
        (State.QUEUED,),
        "transitions.resolve",
        "by an operator, or by the provider's policy",
    ),
    Move(
        "give up",
        (State.UNKNOWN,),
        (State.FAILED,),
        "transitions.resolve",
        "by an operator",
    ),
    Move(
        "opt out",
        (State.QUEUED,),
        (State.SUPPRESSED, IN_DOUBT),
        "transitions.revoke",
        "the number came onto the stop list",
    ),
    Move(
        "revoke",
        (State.QUEUED,),
        (State.CANCELLED, IN_DOUBT),
        "transitions.revoke",
        "the client was deleted",
    ),
    Move(
        "renew",
        (State.QUEUED,),
        (State.SUPPRESSED, State.CANCELLED, IN_DOUBT),
        "transitions.renew",
        "the mailing's text has changed, and the client has no value for the new one, or is gone",
    ),
    Move(
        "close",
        (State.QUEUED,),
        (State.EXPIRED, State.CANCELLED, IN_DOUBT),
        "transitions.close",
        "the mailing ended, or was cancelled",
    ),
)

BATCH_MOVES: tuple[Move[BatchState], ...] = (
    Move(
        "enlist",
        (),
        (READY, DONE),
        "transitions.enlist",
        "its messages are made; done: none may go",
    ),
    Move("claim", (READY,), (CLAIMED,), "transitions.lease", "a worker takes the lease"),
    Move(
        "release",
        (CLAIMED,),
        (READY, WAITING, DONE),
        "transitions.record",
        "its messages are recorded; waiting: the next one is due later",
    ),
    Move("rescue", (CLAIMED,), (READY, DONE), "transitions.lease", "the lease has expired"),
    Move("promote", (WAITING,), (READY,), "transitions.lease", "`due_at` has come"),
    Move(
        "local hours",
        (READY,),
        (WAITING,),
        "transitions.hours",
        "the clients' hours are over, or have not begun",
    ),
    Move(
        "reopen",
        (DONE,),
        (READY,),
        "transitions.resolve",
        "a message of it is queued again; so do late and status answers",
    ),
    Move(
        "run out",
        (READY, WAITING),
        (DONE,),
        "transitions.revoke",
        "its last queued message was taken back; so do receipts, a new text and the closing",
    ),
)


def allowed(moves: tuple[Move[S], ...]) -> frozenset[tuple[S, S]]:
    """Return each pair of a state and a state that may follow it."""
    return frozenset((was, now) for one in moves for was in one.sources for now in one.targets)
