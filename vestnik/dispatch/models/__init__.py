"""Messages, the batches in which they are claimed, and how far each mailing is enlisted.

A batch holds the ids of its messages that are being handed over right now. So a message's row is
written twice on the happy path, made and settled, and `sending` is read from the batch.
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
