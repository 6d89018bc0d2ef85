"""The SMPP provider: a message becomes its parts, their answers become its outcome."""

import asyncio
import time
from collections.abc import Sequence
from typing import ClassVar, Literal

from vestnik.providers.base import (
    Deferred,
    Late,
    Outcome,
    Outgoing,
    Provider,
    Rejected,
    Sink,
    TooLate,
    Unknown,
)
from vestnik.providers.options import Options
from vestnik.providers.smpp.connection import Link, NotBound, Window
from vestnik.providers.smpp.deliver_sm_queue import Intake
from vestnik.providers.smpp.pdu_builder import Composer, Submit
from vestnik.providers.smpp.receipts import Ears
from vestnik.providers.smpp.response_classifier import Judge
from vestnik.providers.smpp.submission import Landings, Passage
from vestnik.providers.smpp.throttle import Brake
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

#: A worker that ends waits so long for late answers to be recorded.
LAST_RECORDS = 0.8
#: What we may be bound as. Sending is by the first, and a transmitter alone hears nothing.
BINDS = ("transceiver", "transmitter+receiver", "transmitter")


class SmppProvider(Provider):
    """An ESME on one connection in each worker, or a pair of them; `window` counts parts."""

    paced_by: ClassVar[Literal["message", "segment"]] = "segment"

    def configure(self, given: Options) -> None:
        kind, *others = given.choice("bind", BINDS[0], BINDS).split("+")
        self._link = Link(given, kind, self._troubled)
        self._links = [self._link, *map(self._link.bound_as, others)]
        self.listens = bool(others) or kind != "transmitter"
        self._troubles: dict[str, str] = {}
        self._composer = Composer(given, self.sender)
        self._ears = Ears(self.alias, given, self._composer.coding)
        self._judge = Judge(given, self._ears.answered_id)
        self.gives_receipts = self._composer.asks_for_receipts
        self._brake = Brake(given.number("throttle_pause", 1.0, least=0.01))

    def _troubled(self, kind: str, trouble: str) -> None:
        self._troubles[kind] = trouble
        self.trouble = next(filter(None, self._troubles.values()), "")

    async def open(self, sink: Sink) -> None:
        self._places = Window(self.window)
        self._sink, self._telling = sink, set[asyncio.Task[None]]()
        self._intake = Intake(self._ears, sink)
        for link in self._links:
            link.open(self._intake)

    async def close(self) -> None:
        await asyncio.gather(*(link.close() for link in self._links))
        await self._intake.close()
        if self._telling:
            await asyncio.wait(self._telling, timeout=LAST_RECORDS)
        for task in self._telling:
            task.cancel()
        await asyncio.gather(*self._telling, return_exceptions=True)

    async def hand_over(self, message: Outgoing) -> Outcome:
        (outcome,) = await self.hand_over_all([message])
        if outcome is None:
            raise TooLate
        return outcome

    async def hand_over_all(self, flight: Sequence[Outgoing]) -> list[Outcome | None]:
        if not flight:
            return []
        landings = Landings(len(flight))
        passages = [Passage(message, self._places, landings, self._judged) for message in flight]
        try:
            async with asyncio.timeout(self.deadline):
                for passage in passages:
                    await self._leave(passage)
                await landings.all.wait()
        except TimeoutError:
            pass
        finally:
            self._give_up(passages)
        return [passage.outcome for passage in passages]

    def _give_up(self, passages: Sequence[Passage]) -> None:
        trouble = Reason(Code.NO_ANSWER_WITHIN, time=self.deadline)
        for passage in passages:
            if passage.landed:
                continue
            # What only waited for its place in the window was not tried: the SMSC is there.
            waited = passage.message.departed_at is None and self._link.is_bound
            passage.give_up(None if waited else self.in_two_minds(passage.message, trouble))

    async def _leave(self, passage: Passage) -> None:
        try:
            submits = self._composer.submits(passage.message)
        except ValueError as error:
            passage.land(Rejected("", Reason(Code.PROVIDER_TEXT_TOO_LONG, text=str(error))))
            return
        await passage.enter(min(len(submits), self.window))
        try:
            await self._depart(passage, submits)
        except TooLate:
            passage.land(None)
        except NotBound as error:
            passage.land(_without_a_session(error))
        except Exception as error:
            trouble = Reason(Code.PROVIDER_ERROR, kind=type(error).__name__)
            passage.give_up(self.in_two_minds(passage.message, trouble))

    async def _depart(self, passage: Passage, submits: Sequence[Submit]) -> None:
        session = await self._link.session()
        while (rest := self._brake.resting) > 0:
            await self._sit_out(rest, passage.message)
            session = await self._link.session()
        passage.message.depart()
        passage.send(session, submits)

    @staticmethod
    async def _sit_out(rest: float, message: Outgoing) -> None:
        """A rest of the connection is no word on a message that has not left: it waits, or stays
        here where it could not leave after it."""
        if time.monotonic() + rest >= message.depart_before:
            raise TooLate
        await asyncio.sleep(rest)

    def _judged(self, passage: Passage) -> None:
        """All parts are answered; of a message that was given up, too late."""
        if passage.too_late:
            self._stayed(passage)
            return
        accepted = self._judge.acceptance(passage.answers)
        self._brake.heard(not accepted and self._judge.throttled(passage.answers))
        outcome = accepted or self._refusal(passage)
        if passage.landed:
            self._tell(passage.message, outcome)
        elif outcome is not None:
            passage.message.answered_at = time.monotonic()
            passage.land(outcome)

    def _stayed(self, passage: Passage) -> None:
        """Its time was over before it was written; or before parts of it went out again, while
        others of it are taken."""
        if any(passage.answers):
            passage.land(self._judge.refusal(passage.answers, self._brake.pause))
        elif not passage.landed:
            passage.message.departed_at = None
            passage.land(None)

    def _tell(self, message: Outgoing, outcome: Outcome | None) -> None:
        """A late answer settles what stands as unknown, and receipts will come under its id."""
        if outcome is not None and not isinstance(outcome, Unknown):
            task = asyncio.create_task(self._sink.on_late(Late(message, outcome)))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    def _refusal(self, passage: Passage) -> Outcome | None:
        """None where parts go out again by themselves: they were refused for now, while others
        of their message were taken."""
        answers, pause = passage.answers, self._brake.pause
        if self._judge.unbound(answers):
            passage.session.leave()
        again = self._judge.left_behind(answers)
        if (
            again
            and not passage.landed
            and time.monotonic() + pause < passage.message.depart_before
        ):
            asyncio.get_running_loop().call_later(pause, passage.send_parts, again)
            return None
        return self._judge.refusal(answers, pause)


def _without_a_session(error: NotBound) -> Deferred:
    account: Literal["", "certainly"] = "certainly" if error.account else ""
    return Deferred(error.reason, error.retry_after, provider_wide=True, account=account)
