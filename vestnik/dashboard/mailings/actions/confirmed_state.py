"""What a confirmation showed: if it has changed, the user is asked again.

The page of a confirmation carries what it showed, and the answer returns it. Without it nothing
counts as confirmed.
"""

from dataclasses import dataclass

from vestnik.dispatch.read.progress import Progress
from vestnik.dispatch.states import LEFT_US, MessageState
from vestnik.mailings.models import BEFORE_THE_START, Mailing

FIELD = "seen"
GIVEN_AWAY = (*LEFT_US, MessageState.SENDING, MessageState.UNKNOWN, MessageState.FAILED)


@dataclass(frozen=True, slots=True)
class ConfirmedState:
    """What a confirmation says: whether the mailing has started, a count, and the whole.

    The count may differ by the whole divided by `bound`: 4 means a quarter.
    """

    kind: str
    count: int
    whole: int
    bound: int

    def __str__(self) -> str:
        return f"{self.kind} {self.count}"

    def covers(self, shown: str) -> bool:
        """Return whether the page showed this state, within the tolerance."""
        kind, _space, count = shown.partition(" ")
        if kind != self.kind or not (count.isascii() and count.isdigit() and len(count) < 19):
            return False
        return abs(self.count - int(count)) <= self.whole // self.bound


def state_before_cancelling(mailing: Mailing, progress: Progress) -> ConfirmedState:
    """Return how many messages have left."""
    kind = "waits" if mailing.state in BEFORE_THE_START else "started"
    # With the tolerance of a quarter, the count of a fast mailing does not outrun the user's
    # clicks.
    departed = sum(progress[state] for state in GIVEN_AWAY)
    return ConfirmedState(kind, departed, progress["matched"], 4)


def state_before_scheduling(matched: int) -> ConfirmedState:
    """Return how many clients match."""
    return ConfirmedState("matches", matched, matched, 100)
