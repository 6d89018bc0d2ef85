"""The tables of the pipeline: messages, the batches in which they are claimed, and the rest.

A batch holds the ids of its messages that are being handed over. So a message's row is written
twice if all goes well, when it is created and when it is settled; `sending` is read from the batch.
"""

from vestnik.dispatch.models.batches import Batch, MailingTurn
from vestnik.dispatch.models.breakers import Breaker
from vestnik.dispatch.models.enlistment import AudienceSlice, CurrentSnapshot, EnlistmentCursor
from vestnik.dispatch.models.hand_overs import HandOver, UnmatchedReceipt
from vestnik.dispatch.models.messages import Message
from vestnik.dispatch.models.suppression import DeletedClient, InboundText, PendingStop

__all__ = [
    "AudienceSlice",
    "Batch",
    "Breaker",
    "CurrentSnapshot",
    "DeletedClient",
    "EnlistmentCursor",
    "HandOver",
    "InboundText",
    "MailingTurn",
    "Message",
    "PendingStop",
    "UnmatchedReceipt",
]
