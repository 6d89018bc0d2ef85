"""A message on its way over a session: its parts out, their answers in.

There is neither a task nor a future for each message: they were half of what one cost.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from vestnik.providers.base import Outcome, Outgoing
from vestnik.providers.smpp.connection import Window
from vestnik.providers.smpp.pdu_builder import Submit
from vestnik.providers.smpp.session import NOT_WRITTEN, Answer, Lost, Session

#: An SMSC that has not answered by then does not know the request any more.
LISTEN_FOR = 300.0


class Landings:
    """Counts those of a flight whose outcome is known."""

    def __init__(self, expected: int) -> None:
        self._left, self.all = expected, asyncio.Event()

    def note(self) -> None:
        self._left -= 1
        if not self._left:
            self.all.set()


class Passage:
    """One message of a flight; it has landed once its outcome is known.

    An answer is None while it is awaited, and for good where the line was lost. `too_late`: the
    parts of the last sending were not written, and what was heard before stands.
    """

    __slots__ = (
        "_awaited",
        "_judge",
        "_landings",
        "_places",
        "_sequences",
        "_submits",
        "_window",
        "answers",
        "landed",
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
        message: Outgoing,
        window: Window,
        landings: Landings,
        judge: Callable[["Passage"], None],
    ) -> None:
        self.message = message
        self.outcome: Outcome | None = None
        self.landed = self.too_late = False
        self._window, self._landings, self._judge = window, landings, judge
        self._places = self._awaited = 0
        self._sequences: list[int] = []

    async def enter(self, places: int) -> None:
        """Wait for so many places in the window, and hold them until it has landed."""
        if not self._window.take(places):
            await self._window.enter(places)
        self._places = places

    def send(self, session: Session, submits: Sequence[Submit]) -> None:
        """Write all parts at once, so that none is late when the first was not."""
        self.session, self._submits = session, submits
        self.answers = [None] * len(submits)
        self.send_parts(range(len(submits)))

    def send_parts(self, numbers: Sequence[int]) -> None:
        """Write these parts; once all of them are answered, the message is judged."""
        if self.landed:
            return
        self._awaited, before = len(numbers), self.message.depart_before
        for number in numbers:
            hear = partial(self._hear, number)
            try:
                sequence = self.session.send(self._submits[number], hear, before)
            except Lost:
                self._hear(number, None)
            else:
                self._sequences.append(sequence)

    def _hear(self, number: int, answer: Answer | None) -> None:
        if answer is NOT_WRITTEN:
            self.too_late = True
        else:
            self.answers[number] = answer
        self._awaited -= 1
        if not self._awaited:
            self._judge(self)

    def land(self, outcome: Outcome | None) -> None:
        """Its outcome is known, or its time is over: the first word counts."""
        if self.landed:
            return
        self.outcome, self.landed = self.message.land(outcome), True
        if self._places:
            self._window.leave(self._places)
        self._landings.note()

    def give_up(self, outcome: Outcome | None) -> None:
        """Land without its answers. They are heard for a while yet, and judged, late."""
        self.land(outcome)
        if self._awaited:
            loop = asyncio.get_running_loop()
            loop.call_later(LISTEN_FOR, self.session.forget, self._sequences)
