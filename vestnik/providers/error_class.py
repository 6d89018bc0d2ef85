"""The classes into which each vendor's statuses and error codes are sorted."""

from enum import Enum, auto


class ErrorClass(Enum):
    """What an answer of a gateway says about the message."""

    ACCEPTED = auto()
    #: This message will never be taken.
    PERMANENT = auto()
    #: This message is not taken now.
    TEMPORARY = auto()
    #: The gateway takes nothing from us now.
    THROTTLED = auto()
    #: Nothing is taken until somebody mends the account.
    ACCOUNT = auto()
    #: The session is not bound any more, so nothing is taken over it.
    UNBOUND = auto()
    #: The gateway may or may not have taken the message.
    AMBIGUOUS = auto()
