"""The SMPP provider: a message becomes its parts, their answers become its outcome."""

import asyncio
import time
from collections.abc import Sequence
from typing import ClassVar, Literal

from vestnik.providers.base import Deferred, Outcome, Outgoing, Provider, Rejected, Sink
from vestnik.providers.options import Options
from vestnik.providers.smpp.intake import Intake
from vestnik.providers.smpp.link import Link, NotBound, Window
from vestnik.providers.smpp.outcomes import Judge
from vestnik.providers.smpp.parts import Composer, Submit
from vestnik.providers.smpp.receipts import Ears
from vestnik.providers.smpp.session import Answer, Lost, Session


class SmppProvider(Provider):
    """An ESME on one connection in each worker; `window` counts parts."""

    paced_by: ClassVar[Literal["message", "segment"]] = "segment"

    def configure(self, given: Options) -> None:
        self._link = Link(given, self._troubled)
        self._composer = Composer(given, self.sender)
        self._ears = Ears(self.alias, given, self._composer.coding)
        self._judge = Judge(given, self._ears.answered_id)
        self._throttle_pause = given.number("throttle_pause", 1.0, least=0.01)
        self._paused_until = 0.0

    def _troubled(self, trouble: str) -> None:
        self.trouble = trouble

    async def open(self, sink: Sink) -> None:
        self._places = Window(self.window)
        self._intake = Intake(self._ears, sink)
        self._link.open(self._intake)

    async def close(self) -> None:
        await self._link.close()
        await self._intake.close()

    async def hand_over(self, message: Outgoing) -> Outcome:
        try:
            submits = self._composer.submits(message)
        except ValueError as error:
            return Rejected("too long", str(error))
        places = min(len(submits), self.window)
        await self._places.enter(places)
        try:
            return await self._leave(message, submits)
        except NotBound as error:
            return Deferred(error.reason, error.retry_after, provider_wide=True)
        finally:
            self._places.leave(places)

    async def _leave(self, message: Outgoing, submits: Sequence[Submit]) -> Outcome:
        """All parts leave together, so that none is late when the first was not."""
        session = await self._link.session()
        if (pause := self._paused_until - time.monotonic()) > 0:
            return Deferred("the SMSC is throttling", pause, provider_wide=True)
        message.depart()
        answers = await self._exchange(session, submits)
        while (again := self._judge.left_behind(answers)) and self._time_for_more(message):
            await asyncio.sleep(self._throttle_pause)
            retried = await self._exchange(session, [submits[index] for index in again])
            for index, answer in zip(again, retried, strict=True):
                answers[index] = answer
        return self._judge.outcome(answers, self._throttle_pause)

    def _time_for_more(self, message: Outgoing) -> bool:
        return time.monotonic() + self._throttle_pause < message.depart_before

    async def _exchange(self, session: Session, submits: Sequence[Submit]) -> list[Answer | None]:
        answers = await _exchange(session, submits)
        if self._judge.throttled(answers):
            self._paused_until = time.monotonic() + self._throttle_pause
        return answers


async def _exchange(session: Session, submits: Sequence[Submit]) -> list[Answer | None]:
    """The answers in order; None for one that was lost."""
    try:
        futures = [session.send(submit) for submit in submits]
    except Lost:
        return [None] * len(submits)
    if len(futures) == 1:
        return [await _answer(futures[0])]
    return await asyncio.gather(*map(_answer, futures))


async def _answer(future: asyncio.Future[Answer]) -> Answer | None:
    try:
        return await future
    except Lost:
        return None
