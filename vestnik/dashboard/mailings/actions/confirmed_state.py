"""What an operator saw when they agreed: a question that has become another one is asked again.

The page of a question carries what it showed, and the answer brings it back. Without it nothing
was agreed to.
"""

from dataclasses import dataclass

from vestnik.dispatch.read.progress import Progress
from vestnik.dispatch.states import LEFT_US, MessageState
from vestnik.mailings.models import BEFORE_THE_START, Mailing

FIELD = "seen"
GIVEN_AWAY = (*LEFT_US, MessageState.SENDING, MessageState.UNKNOWN, MessageState.FAILED)


@dataclass(frozen=True, slots=True)
class ConfirmedState:
    """What a question says: of a mailing before its start or after it, a count, and of how many.

    `bound`: by which part of the whole the count may differ, 4 is a quarter.
    """

    kind: str
    count: int
    whole: int
    bound: int

    def __str__(self) -> str:
        return f"{self.kind} {self.count}"

    def covers(self, shown: str) -> bool:
        """Whether that was shown, or about that."""
        kind, _space, count = shown.partition(" ")
        if kind != self.kind or not (count.isascii() and count.isdigit() and len(count) < 19):
            return False
        return abs(self.count - int(count)) <= self.whole // self.bound


def state_before_cancelling(mailing: Mailing, progress: Progress) -> ConfirmedState:
    """How many have left already. Whoever wants to stop a fast mailing is not asked for ever."""
    kind = "waits" if mailing.state in BEFORE_THE_START else "started"
    left = sum(progress[state] for state in GIVEN_AWAY)
    return ConfirmedState(kind, left, progress["matched"], 4)


def state_before_scheduling(matched: int) -> ConfirmedState:
    """How many clients match."""
    return ConfirmedState("matches", matched, matched, 100)
