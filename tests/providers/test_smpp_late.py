"""Answers of an SMSC that come after their deadline."""

import asyncio

from tests.gateways.builders import Heap, opened, outgoing, run, until
from tests.providers.test_smpp import smpp
from tests.providers.test_smpp_link import LONG, SMPP_ONLY
from vestnik.providers.base import Accepted, Unknown
from vestnik.sandbox.behaviour import Behaviour
from vestnik.sandbox.gateway import Sandbox


def test_a_late_answer_is_told_with_the_id_by_which_receipts_will_come() -> None:
    async def test() -> None:
        heap, slow = Heap(), Behaviour(delay=0.3)
        async with (
            Sandbox(**SMPP_ONLY, behaviour=slow) as sandbox,
            opened(smpp(sandbox, deadline="0.1"), heap) as provider,
        ):
            message = outgoing(5)
            (outcome,) = await provider.hand_over_all([message])
            assert isinstance(outcome, Unknown)
            await until(lambda: heap.late)
            (taken,) = sandbox.ledger.taken
            assert heap.late == [(message, Accepted(taken.provider_id))]

    run(test)


def test_the_parts_of_a_message_may_all_be_late() -> None:
    async def test() -> None:
        heap, slow = Heap(), Behaviour(delay=0.3)
        async with (
            Sandbox(**SMPP_ONLY, behaviour=slow) as sandbox,
            opened(smpp(sandbox, deadline="0.1"), heap) as provider,
        ):
            assert isinstance((await provider.hand_over_all([outgoing(5, LONG)]))[0], Unknown)
            await until(lambda: heap.late)
            ((_, outcome),) = heap.late
            assert isinstance(outcome, Accepted)
            assert len(outcome.part_ids) == 3

    run(test)


def test_a_line_that_is_lost_meanwhile_tells_nothing() -> None:
    async def test() -> None:
        heap, slow = Heap(), Behaviour(delay=0.3)
        async with (
            Sandbox(**SMPP_ONLY, behaviour=slow) as sandbox,
            opened(smpp(sandbox, deadline="0.1"), heap) as provider,
        ):
            await provider.hand_over_all([outgoing(5)])
            sandbox.drop_lines()
            await asyncio.sleep(0.4)
            assert not heap.late

    run(test)
