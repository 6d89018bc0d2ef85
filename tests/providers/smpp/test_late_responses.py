"""Answers of an SMSC that come after their deadline."""

import asyncio
import time

from tests.gateways.builders import Heap, opened, outgoing, run, until, until_connected
from tests.providers.smpp.test_connection import LONG, SMPP_ONLY
from tests.providers.smpp.test_provider import smpp
from vestnik.providers.base import Accepted, LateOutcome, Unknown
from vestnik.sandbox.behaviour import Behaviour
from vestnik.sandbox.gateway import Sandbox


def test_a_late_answer_is_told_with_the_id_by_which_receipts_will_come() -> None:
    async def test() -> None:
        heap, slow = Heap(), Behaviour(delay=0.2)
        async with (
            Sandbox(**SMPP_ONLY, behaviour=slow) as sandbox,
            opened(smpp(sandbox, deadline="0.1"), heap) as connection,
        ):
            await until_connected(connection)
            message = outgoing(5)
            (outcome,) = await connection.hand_over_all([message])
            assert isinstance(outcome, Unknown)
            await until(lambda: heap.late)
            (taken,) = sandbox.ledger.taken
            assert heap.late == [(message, Accepted(taken.provider_id))]

    run(test)


def test_the_parts_of_a_message_may_all_be_late() -> None:
    async def test() -> None:
        heap, slow = Heap(), Behaviour(delay=0.2)
        async with (
            Sandbox(**SMPP_ONLY, behaviour=slow) as sandbox,
            opened(smpp(sandbox, deadline="0.1"), heap) as connection,
        ):
            await until_connected(connection)
            assert isinstance((await connection.hand_over_all([outgoing(5, LONG)]))[0], Unknown)
            await until(lambda: heap.late)
            ((_, outcome),) = heap.late
            assert isinstance(outcome, Accepted)
            assert len(outcome.part_ids) == 3

    run(test)


def test_a_line_that_is_lost_meanwhile_tells_nothing() -> None:
    async def test() -> None:
        heap, slow = Heap(), Behaviour(delay=10)
        async with (
            Sandbox(**SMPP_ONLY, behaviour=slow) as sandbox,
            opened(smpp(sandbox, deadline="0.1"), heap) as connection,
        ):
            await until_connected(connection)
            assert isinstance((await connection.hand_over_all([outgoing(5)]))[0], Unknown)
            before = set(sandbox.smpp.sessions)
            sandbox.drop_connections()
            await until(lambda: sandbox.smpp.sessions - before)  # so it knows of the loss
            assert not heap.late

    run(test)


class Slow(Heap):
    """A sink that takes its time over late answers, as it does until their flights are recorded."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.may_record = asyncio.Event(), asyncio.Event()

    async def on_late(self, late: LateOutcome) -> None:
        self.begun.set()
        await self.may_record.wait()
        await super().on_late(late)


def test_late_answers_are_recorded_before_a_worker_ends_but_it_does_not_wait_forever() -> None:
    async def closed(heap: Slow, records_in: float) -> float:
        """How long it takes to close with a late answer under way."""
        async with Sandbox(**SMPP_ONLY, behaviour=Behaviour(delay=0.2)) as sandbox:
            async with opened(smpp(sandbox, deadline="0.1"), heap) as connection:
                await until_connected(connection)
                await connection.hand_over_all([outgoing(5)])
                await heap.begun.wait()
                assert not heap.late
                began = time.monotonic()
                asyncio.get_running_loop().call_later(records_in, heap.may_record.set)
            return time.monotonic() - began

    async def test() -> None:
        quick, stuck = Slow(), Slow()
        await closed(quick, 0.3)
        assert len(quick.late) == 1
        assert await closed(stuck, 60) < 5
        assert not stuck.late

    run(test)
