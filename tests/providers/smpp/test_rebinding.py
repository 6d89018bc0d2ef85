"""Sessions that are of no more use, and how soon the next one is bound."""

import asyncio
import time
from collections import deque
from itertools import pairwise

import pytest

from tests.gateways.builders import flight, opened, outgoing, run, until
from tests.gateways.servers import serving
from tests.providers.contract import persistently
from tests.providers.smpp.test_connection import SMPP_ONLY
from tests.providers.smpp.test_provider import smpp
from vestnik.providers.base import Accepted, Deferred, Unknown
from vestnik.providers.smpp import wire
from vestnik.providers.smpp.provider import SmppProvider
from vestnik.sandbox.behaviour import Action, Behaviour
from vestnik.sandbox.gateway import Sandbox


def test_a_session_that_the_smsc_does_not_know_any_more_is_bound_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At once, since none of its answers is awaited."""
    monkeypatch.setattr("vestnik.providers.smpp.session.LAST_ANSWERS", 60)

    async def test() -> None:
        async with (
            Sandbox(**SMPP_ONLY) as sandbox,
            opened(smpp(sandbox)) as connection,
        ):
            await connection.hand_over_all([outgoing(1)])
            (session,) = sandbox.smpp.sessions
            session.forget()
            outcomes = await connection.hand_over_all(flight(4))
            wish = Deferred("the SMSC answers ESME_RINVBNDSTS", provider_wide=True)
            assert outcomes == [wish] * 4
            assert isinstance(await persistently(connection, 5), Accepted)
            assert session not in sandbox.smpp.sessions

    run(test)


def test_what_is_in_flight_on_a_session_that_is_left_still_gets_its_answer() -> None:
    async def test() -> None:
        async with (
            Sandbox(**SMPP_ONLY, behaviour=Behaviour(delay=0.2)) as sandbox,
            opened(smpp(sandbox)) as connection,
        ):
            handing = asyncio.create_task(connection.hand_over_all([outgoing(1)]))
            await until(lambda: sandbox.ledger.taken)
            (session,) = sandbox.smpp.sessions
            session.forget()
            assert isinstance((await connection.hand_over_all([outgoing(2)]))[0], Deferred)
            assert not handing.done()
            assert isinstance((await handing)[0], Accepted)

    run(test)


def test_a_session_that_is_left_does_not_wait_forever_for_its_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vestnik.providers.smpp.session.LAST_ANSWERS", 0.1)

    async def test() -> None:
        acts = deque([Action.TAKE_AND_HANG])
        async with (
            Sandbox(**SMPP_ONLY, behaviour=Behaviour(once=acts)) as sandbox,
            opened(smpp(sandbox)) as connection,
        ):
            hanging = asyncio.create_task(connection.hand_over_all([outgoing(1)]))
            await until(lambda: sandbox.ledger.taken)
            (session,) = sandbox.smpp.sessions
            session.forget()
            await connection.hand_over_all([outgoing(2)])
            assert isinstance(await persistently(connection, 2), Accepted)
            assert await hanging == [Unknown("the line was closed before the answer")]

    run(test)


@pytest.mark.parametrize("status", [0, 0x0D])
def test_an_smsc_that_is_of_no_use_is_tried_less_and_less_and_told_of_once(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    binds: list[float] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        binds.append(time.monotonic())
        writer.write(wire.pdu(wire.BIND_TRANSCEIVER | wire.ANSWER, status, 1, b"x\0"))
        await writer.drain()

    async def test() -> None:
        async with serving(talk) as port:
            options = {"reconnect_least": "0.05", "reconnect_most": "10"}
            given = {"host": "127.0.0.1", "port": str(port), "system_id": "v", **options}
            async with opened(SmppProvider("main", given)):
                await until(lambda: len(binds) == 5)

    run(test)
    for pause, (one, next_one) in zip([0.05, 0.1, 0.2, 0.4], pairwise(binds), strict=True):
        assert next_one - one > 0.7 * pause
    assert len([one for one in caplog.records if "vestnik" in one.name]) == 1


def test_a_session_that_worked_is_bound_again_soon() -> None:
    async def test() -> None:
        async with (
            Sandbox(**SMPP_ONLY) as sandbox,
            opened(smpp(sandbox, reconnect_most="10")) as connection,
        ):
            pauses: list[float] = []
            for number in range(1, 10):
                assert isinstance(await persistently(connection, number), Accepted)
                sandbox.drop_connections()
                await until(lambda: not sandbox.smpp.sessions)
                (outcome,) = await connection.hand_over_all([outgoing(number + 10)])
                pauses += [outcome.retry_after] if isinstance(outcome, Deferred) else []
            assert pauses
            assert max(pauses) < 0.1

    run(test)
