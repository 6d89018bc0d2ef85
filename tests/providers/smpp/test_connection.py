"""The connection to an SMSC: binding, keeping alive, losing, slowing down."""

import asyncio
import time
from collections import deque
from pathlib import Path

import pytest

from tests.gateways.builders import Heap, flight, opened, outgoing, run, until, until_connected
from tests.gateways.servers import certificate, serving
from tests.providers.contract import persistently
from tests.providers.smpp.test_provider import smpp
from vestnik.providers.base import Accepted, Deferred, Rejected, Unknown
from vestnik.providers.smpp import wire
from vestnik.providers.smpp.provider import SmppProvider
from vestnik.sandbox.behaviour import Action, Behaviour
from vestnik.sandbox.gateway import Sandbox

SMPP_ONLY = {"http_port": None, "smpp_port": 0}
LONG = "я" * 180


@pytest.mark.parametrize(
    ("status", "word", "is_account"),
    [
        (0x0E, "ESME_RINVPASWD", True),
        (0x0F, "ESME_RINVSYSID", True),
        (0x53, "ESME_RINVSYSTYP", True),
        (0x03, "bind=transmitter", True),
        (0x0D, "ESME_RBINDFAIL", False),
    ],
)
def test_a_refused_bind_defers_and_says_what_to_mend(
    status: int, word: str, is_account: bool
) -> None:
    async def test() -> None:
        async with Sandbox(**SMPP_ONLY) as sandbox:
            sandbox.smpp.bind_status = status
            async with opened(smpp(sandbox, reconnect_most="0.2")) as connection:
                (outcome,) = await connection.hand_over_all([outgoing()])
                assert isinstance(outcome, Deferred)
                assert outcome.provider_wide
                assert word in outcome.reason
                assert (outcome.account == "certainly") is is_account
                sandbox.smpp.bind_status = 0
                assert isinstance(await persistently(connection, 1), Accepted)

    run(test)


def test_a_pair_of_binds_sends_by_one_and_hears_by_the_other() -> None:
    async def test() -> None:
        heap, behaviour = Heap(), Behaviour(receipts=True)
        async with (
            Sandbox(**SMPP_ONLY, behaviour=behaviour) as sandbox,
            opened(smpp(sandbox, bind="transmitter+receiver"), heap) as connection,
        ):
            await until(lambda: len(sandbox.smpp.sessions) == 2 and sandbox.smpp.listeners())
            assert len(sandbox.smpp.listeners()) == 1
            (outcome,) = await connection.hand_over_all([outgoing()])
            assert isinstance(outcome, Accepted)
            await until(lambda: heap.receipts)
            assert heap.receipts[0].provider_id == outcome.provider_id

    run(test)


def test_already_bound_is_not_bound_on_a_new_line() -> None:
    """The SMSC has not noticed yet that the session before is gone: it is asked again."""

    async def test() -> None:
        async with Sandbox(**SMPP_ONLY) as sandbox:
            sandbox.smpp.bind_status = 0x05
            async with opened(smpp(sandbox)) as connection:
                (outcome,) = await connection.hand_over_all([outgoing()])
                assert isinstance(outcome, Deferred)
                assert "ESME_RALYBND" in outcome.reason
                sandbox.smpp.bind_status = 0
                assert isinstance(await persistently(connection, 1), Accepted)

    run(test)


def test_a_lost_line_puts_in_doubt_what_was_in_flight_and_is_bound_again() -> None:
    async def test() -> None:
        behaviour = Behaviour(delay=5)
        async with (
            Sandbox(**SMPP_ONLY, behaviour=behaviour) as sandbox,
            opened(smpp(sandbox)) as connection,
        ):
            handing = asyncio.create_task(connection.hand_over_all(flight(4)))
            await until(lambda: len(sandbox.ledger.taken) == 4)
            sandbox.drop_connections()
            assert all(isinstance(outcome, Unknown) for outcome in await handing)
            behaviour.delay = 0
            assert isinstance(await persistently(connection, 5), Accepted)

    run(test)


def test_an_smsc_that_says_nothing_any_more_is_left() -> None:
    binds: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        bind = await reader.read(1024)
        binds.append(bind)
        writer.write(b"\0\0\0\x11\x80\0\0\x09\0\0\0\0" + bind[12:16] + b"\0")
        while await reader.read(1024):
            pass

    async def test() -> None:
        async with serving(talk) as port:
            options = {"enquire_link": "0.1", "connect_timeout": "0.2", "reconnect_least": "0.05"}
            given = {"host": "127.0.0.1", "port": str(port), "system_id": "v", **options}
            async with opened(SmppProvider("main", given)):
                await until(lambda: len(binds) >= 2)

    run(test)
    assert binds[0]
    assert binds[1]


def test_the_smsc_may_ask_err_and_leave_first() -> None:
    """What it asks is answered, what it gets wrong is refused, and its farewell is obeyed."""
    heard: list[tuple[int, int, int]] = []

    async def pdu(reader: asyncio.StreamReader) -> tuple[int, int, int]:
        length, command, status, sequence = wire.HEADER.unpack(await reader.readexactly(16))
        await reader.readexactly(length - 16)
        return command, status, sequence

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, _, sequence = await pdu(reader)
        bound = wire.pdu(wire.BIND_TRANSCEIVER | wire.ANSWER, 0, sequence, b"x\0")
        asks = [
            wire.pdu(wire.ENQUIRE_LINK, 0, 11),
            wire.pdu(0x07, 0, 12),
            wire.pdu(wire.DELIVER_SM, 0, 13, b"\0"),
            wire.pdu(wire.ALERT_NOTIFICATION, 0, 14),
            wire.pdu(wire.UNBIND, 0, 15),
        ]
        for octets in (bound + asks[0][:5], asks[0][5:] + b"".join(asks[1:])):
            writer.write(octets)
            await writer.drain()
            await asyncio.sleep(0.02)
        heard.extend([await pdu(reader) for _ in range(4)])

    async def test() -> None:
        async with serving(talk) as port:
            given = {"host": "127.0.0.1", "port": str(port), "system_id": "v"}
            async with opened(SmppProvider("main", given)) as connection:
                await until(lambda: len(heard) == 4)
                (outcome,) = await connection.hand_over_all([outgoing()])
                assert isinstance(outcome, Deferred)
        assert heard == [
            (wire.ENQUIRE_LINK | wire.ANSWER, 0, 11),
            (wire.GENERIC_NACK, 0x03, 12),
            (wire.DELIVER_SM | wire.ANSWER, 0x03, 13),
            (wire.UNBIND | wire.ANSWER, 0, 15),
        ]

    run(test)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (wire.pdu(wire.GENERIC_NACK, 0x03, 2), Rejected),
        (wire.pdu(wire.GENERIC_NACK, 0, 2), Unknown),
        (wire.pdu(wire.SUBMIT_SM | wire.ANSWER, 0x400, 2), Unknown),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Unknown),
        (wire.pdu(wire.SUBMIT_SM | wire.ANSWER, 0, 2, b"no-end"), Accepted),
    ],
)
def test_odd_answers_to_a_message(answer: bytes, expected: type) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.write(wire.pdu(wire.BIND_TRANSCEIVER | wire.ANSWER, 0, 1, b"x\0"))
        await reader.read(1024)
        writer.write(answer)
        await reader.read(1024)

    async def test() -> None:
        async with serving(talk) as port:
            given = {"host": "127.0.0.1", "port": str(port), "system_id": "v"}
            async with opened(SmppProvider("main", given)) as connection:
                (outcome,) = await connection.hand_over_all([outgoing()])
                assert isinstance(outcome, expected)

    run(test)


@pytest.mark.parametrize(
    ("acts", "expected"),
    [
        ([Action.ACCEPT, Action.THROTTLE, Action.ACCEPT], Accepted),
        ([Action.THROTTLE, Action.THROTTLE, Action.THROTTLE], Deferred),
        ([Action.ACCEPT, Action.REFUSE, Action.ACCEPT], Rejected),
        ([Action.ACCEPT, Action.TAKE_AND_FAIL, Action.REFUSE], Unknown),
    ],
)
def test_the_parts_of_a_message_end_together(acts: list[Action], expected: type) -> None:
    """Of a message half taken the rest is sent again; it is never sent again whole."""

    async def test() -> None:
        async with (
            Sandbox(**SMPP_ONLY, behaviour=Behaviour(once=deque(acts))) as sandbox,
            opened(smpp(sandbox)) as connection,
        ):
            (outcome,) = await connection.hand_over_all([outgoing(1, LONG)])
            assert isinstance(outcome, expected)
            complete = [taken.text for taken in sandbox.ledger.taken]
            assert complete == ([LONG] if expected is Accepted else [])

    run(test)


def test_parts_that_are_refused_to_the_end_leave_the_message_in_doubt() -> None:
    async def test() -> None:
        acts = [Action.ACCEPT, *[Action.THROTTLE] * 50]
        async with (
            Sandbox(**SMPP_ONLY, behaviour=Behaviour(once=deque(acts))) as sandbox,
            opened(smpp(sandbox)) as connection,
        ):
            await until_connected(connection)
            started = time.monotonic()
            (outcome,) = await connection.hand_over_all([outgoing(1, LONG, leave_within=0.5)])
            assert outcome == Unknown("the SMSC answers ESME_RTHROTTLED (1 of 3 parts were taken)")
            assert time.monotonic() - started < 5  # and not the deadline of 10 s

    run(test)


def test_an_answer_that_comes_after_its_time_disturbs_nothing() -> None:
    async def test() -> None:
        heap, behaviour = Heap(), Behaviour(delay=0.2)
        async with (
            Sandbox(**SMPP_ONLY, behaviour=behaviour) as sandbox,
            opened(smpp(sandbox, deadline="0.1", window="2"), heap) as connection,
        ):
            await until_connected(connection)
            outcomes = await connection.hand_over_all(flight(2))
            assert outcomes == [Unknown("no answer within 0.1 s")] * 2
            await until(lambda: len(heap.late) == 2)
            behaviour.delay, connection.provider.deadline = 0, 10.0
            again = await connection.hand_over_all([outgoing(8), outgoing(9)])
            assert all(isinstance(outcome, Accepted) for outcome in again)

    run(test)


@pytest.mark.parametrize("trusted", [True, False])
def test_tls_is_verified(tmp_path: Path, trusted: bool) -> None:
    tls = certificate(tmp_path)
    options = {"ca_file": str(tmp_path / "cert.pem")} if trusted else {}

    async def test() -> None:
        async with (
            Sandbox(**SMPP_ONLY, tls=tls) as sandbox,
            opened(smpp(sandbox, tls="yes", **options)) as connection,
        ):
            (outcome,) = await connection.hand_over_all([outgoing()])
        if trusted:
            assert isinstance(outcome, Accepted)
        else:
            assert isinstance(outcome, Deferred)
            assert "not trusted" in outcome.reason

    run(test)


def test_a_status_means_what_an_option_says() -> None:
    async def test() -> None:
        async with (
            Sandbox(**SMPP_ONLY, behaviour=Behaviour(once=deque([Action.REFUSE]))) as sandbox,
            opened(smpp(sandbox, temporary_statuses="0x0B,0x0C")) as connection,
        ):
            (outcome,) = await connection.hand_over_all([outgoing()])
            assert outcome == Deferred("the SMSC answers ESME_RINVDSTADR")

    run(test)
