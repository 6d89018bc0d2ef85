"""The classes into which the statuses and error codes of all vendors are sorted."""

from enum import Enum, auto


class ErrorClass(Enum):
    """What a gateway's answer means for the message."""

    ACCEPTED = auto()
    #: The gateway refuses this message for good.
    PERMANENT = auto()
    #: The gateway refuses this message for now.
    TEMPORARY = auto()
    #: The gateway refuses everything from us for now.
    THROTTLED = auto()
    #: The gateway refuses everything until an operator fixes the account.
    ACCOUNT = auto()
    #: The session is not bound any more, so nothing can be sent over it.
    UNBOUND = auto()
    #: The gateway may or may not have taken the message.
    AMBIGUOUS = auto()
