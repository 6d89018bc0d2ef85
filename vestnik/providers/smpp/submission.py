"""A message on its way over a session: its parts, their places in the window, their responses.

There is neither a task nor a future per message: they were half of its cost.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from vestnik.providers.base import OutboundMessage, Outcome
from vestnik.providers.smpp.pdu_builder import Submit
from vestnik.providers.smpp.session import NOT_WRITTEN, Answer, ConnectionLost, Session

#: Seconds after which an SMSC does not know the request any more.
LATE_ANSWER_SECONDS = 300.0


class Window:
    """At most `size` requests without an answer; the first to wait is served first."""

    def __init__(self, size: int) -> None:
        self.size, self._free = size, size
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()

    def try_take(self, count: int) -> bool:
        """Take `count` places at once, so that the parts of a message leave together.

        Returns False if they are not free, or if others are waiting already.
        """
        if self._queue or count > self._free:
            return False
        self._free -= count
        return True

    async def wait_and_take(self, count: int) -> None:
        """Take the places; wait until they are free."""
        if self.try_take(count):
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((count, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release(count)
            raise

    def release(self, count: int) -> None:
        self._free += count
        while self._queue and (self._queue[0][1].done() or self._queue[0][0] <= self._free):
            places, turn = self._queue.popleft()
            if not turn.done():
                self._free -= places
                turn.set_result(None)


class ResolvedCounter:
    """Counts the messages of a flight whose outcome is known."""

    def __init__(self, expected: int) -> None:
        self._left, self.all = expected, asyncio.Event()

    def note(self) -> None:
        self._left -= 1
        if not self._left:
            self.all.set()


class Submission:
    """One message of a flight; it is resolved once its outcome is known.

    An answer is None while it is awaited, and for good if the connection was lost. `too_late`: the
    last parts were not written, and earlier answers count.
    """

    __slots__ = (
        "_awaited",
        "_counter",
        "_on_answered",
        "_sequences",
        "_slots",
        "_submits",
        "_window",
        "answers",
        "is_resolved",
        "message",
        "outcome",
        "session",
        "too_late",
    )

    session: Session
    _submits: Sequence[Submit]
    answers: list[Answer | None]

    def __init__(
        self,
        message: OutboundMessage,
        window: Window,
        counter: ResolvedCounter,
        on_answered: Callable[["Submission"], None],
    ) -> None:
        self.message = message
        self.outcome: Outcome | None = None
        self.is_resolved = self.too_late = False
        self._window, self._counter, self._on_answered = window, counter, on_answered
        self._slots = self._awaited = 0
        self._sequences: list[int] = []

    async def take_slots(self, slots: int) -> None:
        """Wait for slots of the window, and hold them until the message is resolved."""
        if not self._window.try_take(slots):
            await self._window.wait_and_take(slots)
        self._slots = slots

    def send(self, session: Session, submits: Sequence[Submit]) -> None:
        """Write all parts at once, so that none is late if the first was not."""
        self.session, self._submits = session, submits
        self.answers = [None] * len(submits)
        self.send_parts(range(len(submits)))

    def send_parts(self, numbers: Sequence[int]) -> None:
        """Write these parts; once all are answered, the message gets its outcome."""
        if self.is_resolved:
            return
        self._awaited, before = len(numbers), self.message.depart_before
        for number in numbers:
            on_answer = partial(self._record_answer, number)
            try:
                sequence = self.session.send(self._submits[number], on_answer, before)
            except ConnectionLost:
                self._record_answer(number, None)
            else:
                self._sequences.append(sequence)

    def _record_answer(self, number: int, answer: Answer | None) -> None:
        if answer is NOT_WRITTEN:
            self.too_late = True
        else:
            self.answers[number] = answer
        self._awaited -= 1
        if not self._awaited:
            self._on_answered(self)

    def resolve(self, outcome: Outcome | None) -> None:
        """Set the outcome, or none if the time is over; only the first call counts."""
        if self.is_resolved:
            return
        self.outcome, self.is_resolved = self.message.resolve(outcome), True
        if self._slots:
            self._window.release(self._slots)
        self._counter.note()

    def give_up(self, outcome: Outcome | None) -> None:
        """Resolve without the answers, which are awaited for a while longer and reported late."""
        self.resolve(outcome)
        if self._awaited:
            loop = asyncio.get_running_loop()
            loop.call_later(LATE_ANSWER_SECONDS, self.session.forget, self._sequences)
