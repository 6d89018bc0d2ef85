"""What the SMSC sends by itself is stored, whatever stands beside it; then it is acknowledged."""

import asyncio
from collections.abc import Sequence

import pytest
from django.db import DataError

from tests.gateways.builders import Heap, opened, run, until
from tests.providers.smpp.test_connection import SMPP_ONLY
from tests.providers.smpp.test_provider import smpp
from vestnik.dispatch.models import UnmatchedReceipt
from vestnik.dispatch.receive.sink import DatabaseSink
from vestnik.providers.base import Inbound, Receipt
from vestnik.sandbox.gateway import Sandbox
from vestnik.sandbox.smpp_server import Session

RECEIPT = b"id:%d stat:DELIVRD err:000"
#: Acknowledged at once, since there is nothing to store: so all before it is there.
NOT_FINAL = b"id:0 stat:ENROUTE"


class Picky(Heap):
    """A sink that stores nothing in which there is one of `bad`, and takes a while for the rest."""

    def __init__(self, *bad: str, error: type[Exception] = DataError) -> None:
        super().__init__()
        self.bad, self.error = bad, error
        self.asked: list[int] = []

    async def on_receipts(self, receipts: Sequence[Receipt]) -> None:
        self.asked.append(len(receipts))
        await asyncio.sleep(0.02)
        if any(receipt.provider_id in self.bad for receipt in receipts):
            raise self.error
        await super().on_receipts(receipts)

    async def on_inbound(self, messages: Sequence[Inbound]) -> None:
        if any(message.text in self.bad for message in messages):
            raise self.error
        await super().on_inbound(messages)


async def listener(sandbox: Sandbox) -> Session:
    await until(sandbox.smpp.listeners)
    return sandbox.smpp.listeners()[0]


async def deliver(session: Session, receipts: Sequence[bytes], *texts: bytes) -> None:
    """All at once; returns once the last is acknowledged."""
    deliveries = [session.deliver("79261234567", "Vestnik", text, esm_class=4) for text in receipts]
    deliveries += [session.deliver("79261234567", "Vestnik", text) for text in texts]
    await asyncio.gather(*deliveries)


@pytest.mark.parametrize(("error", "refused"), [(DataError, 0), (KeyError, 1)])
def test_one_that_cannot_be_stored_keeps_nobody_out(error: type[Exception], refused: int) -> None:
    """It is asked for again, unless it can never be stored."""

    async def test() -> None:
        sink = Picky("7", error=error)
        async with Sandbox(**SMPP_ONLY) as sandbox, opened(smpp(sandbox), sink):
            await deliver(await listener(sandbox), [RECEIPT % number for number in range(20)])
            expected = [str(number) for number in range(20) if number != 7]
            assert sorted(receipt.provider_id for receipt in sink.receipts) == sorted(expected)
            assert sandbox.receipts.refused == refused

    run(test)


def test_a_database_that_is_away_is_not_asked_for_each_of_them() -> None:
    async def test() -> None:
        sink = Picky(*map(str, range(20)), error=ConnectionError)
        async with Sandbox(**SMPP_ONLY) as sandbox, opened(smpp(sandbox), sink):
            await deliver(await listener(sandbox), [RECEIPT % number for number in range(20)])
            assert sandbox.receipts.refused == 20
            assert len(sink.asked) < 15

    run(test)


def test_a_stop_is_stored_before_receipts_that_wait_and_without_them() -> None:
    class Busy(Picky):
        """Still at its first receipt when the rest comes in, and the database then goes away."""

        def __init__(self) -> None:
            super().__init__("1", error=ConnectionError)
            self.done = asyncio.Event()

        async def on_receipts(self, receipts: Sequence[Receipt]) -> None:
            await self.done.wait()
            await super().on_receipts(receipts)

        async def on_inbound(self, messages: Sequence[Inbound]) -> None:
            assert len(self.asked) == 1
            await super().on_inbound(messages)

    async def test() -> None:
        sink = Busy()
        async with Sandbox(**SMPP_ONLY) as sandbox, opened(smpp(sandbox), sink):
            session = await listener(sandbox)
            first = asyncio.create_task(deliver(session, [RECEIPT % 0]))
            await deliver(session, [NOT_FINAL])
            rest = asyncio.create_task(deliver(session, [RECEIPT % 1] * 9, b"STOP", b"no"))
            await asyncio.sleep(0)
            await deliver(session, [NOT_FINAL])
            sink.done.set()
            await asyncio.gather(first, rest)
            assert [message.text for message in sink.inbound] == ["STOP", "no"]
            assert sandbox.receipts.refused == 9

    run(test)


@pytest.mark.django_db(transaction=True)
def test_a_receipt_with_a_nul_in_it_is_stored_without() -> None:
    async def test() -> None:
        async with Sandbox(**SMPP_ONLY) as sandbox, opened(smpp(sandbox), DatabaseSink()):
            session = await listener(sandbox)
            await deliver(session, [b"id:9 stat:UNDELIV err:001\0", RECEIPT % 8], b"hello\0")
            assert sandbox.receipts.refused == 0

    run(test)
    kept = UnmatchedReceipt.objects.order_by("provider_message_id")
    assert [(one.provider_message_id, one.error) for one in kept] == [
        ("8", ""),
        ("9", "UNDELIV 001"),
    ]
