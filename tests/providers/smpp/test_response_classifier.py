"""Which answer belongs to which request by SMPP, and what an SMSC that leaves still says."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from tests.gateways.builders import flight, opened, run, until, until_connected
from tests.gateways.servers import serving
from vestnik.providers.base import Accepted, Outcome, Unknown
from vestnik.providers.smpp import wire
from vestnik.providers.smpp.provider import SmppProvider

#: Given the sequence numbers of the submits, what the SMSC says.
Says = Callable[[list[int]], list[bytes]]
TAKEN = wire.SUBMIT_SM | wire.ANSWER


def smsc_that(
    says: Says, submits: int, flight_of: int = 0, hears: int = 0, **options: str
) -> tuple[list[Outcome | None], list[int]]:
    """What becomes of a flight, and the commands that the SMSC got after its words.

    The SMSC waits for `hears` commands before the connection is closed.
    """
    outcomes: list[Outcome | None] = []
    heard: list[int] = []

    async def pdu(reader: asyncio.StreamReader) -> tuple[int, int]:
        length, command, _, sequence = wire.HEADER.unpack(await reader.readexactly(16))
        await reader.readexactly(length - 16)
        return command, sequence

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, sequence = await pdu(reader)
        writer.write(wire.pdu(wire.BIND_TRANSCEIVER | wire.ANSWER, 0, sequence, b"x\0"))
        sequences = [(await pdu(reader))[1] for _ in range(submits)]
        for octets in says(sequences):
            writer.write(octets)
            await asyncio.sleep(0.02)
        while True:
            heard.append((await pdu(reader))[0])

    async def test() -> None:
        async with serving(talk) as port:
            given = {"host": "127.0.0.1", "port": str(port), "system_id": "v"}
            async with opened(SmppProvider("main", given | options)) as connection:
                await until_connected(connection)
                outcomes.extend(await connection.hand_over_all(flight(flight_of or submits)))
                await until(lambda: len(heard) >= hears)

    run(test)
    return outcomes, heard


def answers(sequences: Sequence[int], command: int = TAKEN) -> list[bytes]:
    return [wire.pdu(command, 0, sequence, b"id-%d\0" % sequence) for sequence in sequences]


def test_an_smsc_that_unbinds_in_mid_window_is_heard_to_the_end() -> None:
    def says(sequences: list[int]) -> list[bytes]:
        unbind = wire.pdu(wire.UNBIND, 0, 7)
        return [b"".join(answers(sequences[:10])) + unbind, b"".join(answers(sequences[10:]))]

    outcomes, heard = smsc_that(says, 40, hears=1)
    assert [type(outcome) for outcome in outcomes] == [Accepted] * 40
    assert heard == [wire.UNBIND | wire.ANSWER]  # once all are answered


@pytest.mark.parametrize(
    "command",
    [
        wire.ENQUIRE_LINK | wire.ANSWER,
        wire.UNBIND | wire.ANSWER,
        wire.BIND_TRANSCEIVER | wire.ANSWER,
        wire.DELIVER_SM | wire.ANSWER,
        wire.DATA_SM | wire.ANSWER,
        0x80000021,  # submit_multi_resp
    ],
)
def test_only_the_answer_to_a_submit_is_one(command: int) -> None:
    outcomes, _ = smsc_that(lambda sequences: answers(sequences, command), 2, deadline="0.3")
    assert outcomes == [Unknown("no answer within 0.3 s")] * 2


def test_the_first_answer_counts_and_none_to_what_was_not_asked() -> None:
    def says(sequences: list[int]) -> list[bytes]:
        (sequence,) = sequences
        others = answers([sequence + 1, sequence + 1000, 0, 0x7FFFFFFF])
        again = wire.pdu(TAKEN, 0x0B, sequence)
        return [*others, *answers([sequence]), again]

    (outcome,), _ = smsc_that(says, 1)
    assert isinstance(outcome, Accepted)
    assert outcome.provider_id.startswith("id-")


def test_a_nack_of_the_whole_pdu_is_an_answer() -> None:
    def says(sequences: list[int]) -> list[bytes]:
        return [wire.pdu(wire.GENERIC_NACK, 0x02, sequence) for sequence in sequences]

    (outcome,), _ = smsc_that(says, 1)
    assert outcome is not None
    assert "ESME_RINVCMDLEN" in repr(outcome)


def test_what_only_waited_for_a_place_in_the_window_has_not_been_tried() -> None:
    """Neither an attempt nor trouble of the SMSC: it never heard of it."""
    outcomes, _ = smsc_that(lambda _: [], 1, flight_of=3, window="1", deadline="0.1")
    assert outcomes == [Unknown("no answer within 0.1 s"), None, None]
