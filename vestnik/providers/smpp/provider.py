"""The SMPP provider: splits a message into parts and combines their responses into an outcome."""

import asyncio
import time
from collections.abc import Sequence
from typing import ClassVar, Literal

from vestnik.providers.base import (
    Connection,
    Deferred,
    LateOutcome,
    OutboundMessage,
    Outcome,
    Provider,
    Rejected,
    Sink,
    TooLate,
    Unknown,
)
from vestnik.providers.options import Options
from vestnik.providers.smpp.bind_options import BindOptions
from vestnik.providers.smpp.connection import NotBound, ReconnectingConnection
from vestnik.providers.smpp.deliver_sm_queue import DeliverSmQueue
from vestnik.providers.smpp.pdu_builder import PduBuilder, Submit
from vestnik.providers.smpp.receipts import DeliverSmParser
from vestnik.providers.smpp.response_classifier import ResponseClassifier
from vestnik.providers.smpp.submission import ResolvedCounter, Submission, Window
from vestnik.providers.smpp.throttle import Throttle
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

#: Seconds that a stopping worker waits for late responses to be recorded.
LAST_RECORDS = 0.8
#: The kinds of bind. Messages are sent over the first; a transmitter alone receives nothing.
BINDS = ("transceiver", "transmitter+receiver", "transmitter")


class SmppProvider(Provider):
    """An ESME with one connection per worker, or a pair of them; `window` counts parts."""

    paced_by: ClassVar[Literal["message", "segment"]] = "segment"

    def configure(self, options: Options) -> None:
        self.binds = options.choice("bind", BINDS[0], BINDS).split("+")
        self.bind_options = BindOptions(options)
        self.listens = self.binds != ["transmitter"]
        self.pdu_builder = PduBuilder(options, self.sender)
        self.deliver_sm_parser = DeliverSmParser(self.alias, options, self.pdu_builder.coding)
        self.classifier = ResponseClassifier(options, self.deliver_sm_parser.answered_id)
        self.gives_receipts = self.pdu_builder.requests_receipts
        self.throttle_pause = options.number("throttle_pause", 1.0, least=0.01)

    async def connect(self, sink: Sink) -> "SmppConnection":
        return SmppConnection(self, sink)


class SmppConnection(Connection[SmppProvider]):
    """The sessions of one worker; messages go out by the first."""

    def __init__(self, provider: SmppProvider, sink: Sink) -> None:
        super().__init__(provider)
        self._classifier = provider.classifier
        self._sink, self._late_reports = sink, set[asyncio.Task[None]]()
        self.throttle = Throttle(provider.throttle_pause)
        self._window_slots = Window(provider.window)
        self._deliver_sm_queue = DeliverSmQueue(provider.deliver_sm_parser, sink)
        self._sessions = [
            ReconnectingConnection(provider.bind_options, kind, self._deliver_sm_queue)
            for kind in provider.binds
        ]
        self._connection = self._sessions[0]

    async def close(self) -> None:
        await asyncio.gather(*(session.close() for session in self._sessions))
        await self._deliver_sm_queue.close()
        if self._late_reports:
            await asyncio.wait(self._late_reports, timeout=LAST_RECORDS)
        for task in self._late_reports:
            task.cancel()
        await asyncio.gather(*self._late_reports, return_exceptions=True)

    async def hand_over(self, message: OutboundMessage) -> Outcome:
        (outcome,) = await self.hand_over_all([message])
        if outcome is None:
            raise TooLate
        return outcome

    async def hand_over_all(self, flight: Sequence[OutboundMessage]) -> list[Outcome | None]:
        if not flight:
            return []
        counter = ResolvedCounter(len(flight))
        submissions = [
            Submission(message, self._window_slots, counter, self._on_answered)
            for message in flight
        ]
        try:
            async with asyncio.timeout(self.provider.deadline):
                for submission in submissions:
                    await self._submit(submission)
                await counter.all.wait()
        except TimeoutError:
            pass
        finally:
            self._give_up(submissions)
        return [submission.outcome for submission in submissions]

    def _give_up(self, submissions: Sequence[Submission]) -> None:
        trouble = Reason(Code.NO_ANSWER_WITHIN, time=self.provider.deadline)
        for submission in submissions:
            if submission.is_resolved:
                continue
            # A message that only waited for a slot was not tried, and the SMSC is reachable.
            waited = submission.message.departed_at is None and self._connection.is_bound
            submission.give_up(None if waited else submission.message.deferred_or_unknown(trouble))

    async def _submit(self, submission: Submission) -> None:
        try:
            submits = self.provider.pdu_builder.build(submission.message)
        except ValueError as error:
            submission.resolve(Rejected("", Reason(Code.PROVIDER_TEXT_TOO_LONG, text=str(error))))
            return
        await submission.take_slots(min(len(submits), self.provider.window))
        try:
            await self._send_parts(submission, submits)
        except TooLate:
            submission.resolve(None)
        except NotBound as error:
            submission.resolve(_without_a_session(error))
        except Exception as error:
            trouble = Reason(Code.PROVIDER_ERROR, kind=type(error).__name__)
            submission.give_up(submission.message.deferred_or_unknown(trouble))

    async def _send_parts(self, submission: Submission, submits: Sequence[Submit]) -> None:
        session = await self._connection.session()
        while (pause := self.throttle.pause_left) > 0:
            await self._wait_for_throttle(pause, submission.message)
            session = await self._connection.session()
        submission.message.mark_departed()
        submission.send(session, submits)

    @staticmethod
    async def _wait_for_throttle(pause: float, message: OutboundMessage) -> None:
        """Wait for the pause of the connection. Raises TooLate if the message could not leave after
        it."""
        # A pause says nothing about a message that has not left, so it is queued again.
        if time.monotonic() + pause >= message.depart_before:
            raise TooLate
        await asyncio.sleep(pause)

    def _on_answered(self, submission: Submission) -> None:
        """Record that all parts are answered; for a message that was given up, it is a late
        response."""
        if submission.too_late:
            self._on_not_written(submission)
            return
        accepted = self._classifier.acceptance(submission.answers)
        self.throttle.record(not accepted and self._classifier.is_throttled(submission.answers))
        outcome = accepted or self._refusal(submission)
        if submission.is_resolved:
            self._report_late(submission.message, outcome)
        elif outcome is not None:
            submission.message.answered_at = time.monotonic()
            submission.resolve(outcome)

    def _on_not_written(self, submission: Submission) -> None:
        """Resolve a message whose parts were not written in time, the first time or in a resend."""
        if any(submission.answers):
            submission.resolve(
                self._classifier.refusal(submission.answers, self.throttle.retry_after)
            )
        elif not submission.is_resolved:
            submission.message.departed_at = None
            submission.resolve(None)

    def _report_late(self, message: OutboundMessage, outcome: Outcome | None) -> None:
        """Report a late response: it settles an unknown message and gives the id for receipts."""
        if outcome is not None and not isinstance(outcome, Unknown):
            task = asyncio.create_task(self._sink.on_late(LateOutcome(message, outcome)))
            self._late_reports.add(task)
            task.add_done_callback(self._late_reports.discard)

    def _refusal(self, submission: Submission) -> Outcome | None:
        """Return the outcome of a refused message; None if some of its parts are resent.

        Parts are resent if they were refused for now while others of the message were accepted.
        """
        answers, pause = submission.answers, self.throttle.retry_after
        if self._classifier.is_unbound(answers):
            submission.session.leave()
        again = self._classifier.parts_to_resend(answers)
        if (
            again
            and not submission.is_resolved
            and time.monotonic() + pause < submission.message.depart_before
        ):
            asyncio.get_running_loop().call_later(pause, submission.send_parts, again)
            return None
        return self._classifier.refusal(answers, pause)


def _without_a_session(error: NotBound) -> Deferred:
    account: Literal["", "certainly"] = "certainly" if error.account else ""
    return Deferred(error.reason, error.retry_after, provider_wide=True, account=account)
