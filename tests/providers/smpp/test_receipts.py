"""Receipts and inbound messages by SMPP, in the formats that are met."""

import asyncio
from typing import Any

import pytest
import smpp34

from tests.gateways.builders import Heap, flight, opened, outgoing, run, until
from tests.providers.smpp.test_provider import smpp
from vestnik.providers.base import Accepted, Inbound, Receipt, combined_state
from vestnik.providers.options import Options
from vestnik.providers.smpp.coding import Coding
from vestnik.providers.smpp.provider import SmppProvider
from vestnik.providers.smpp.receipts import DeliverSmParser
from vestnik.sandbox.behaviour import Behaviour
from vestnik.sandbox.gateway import Sandbox

ID, STATE, ERROR, PAYLOAD = 0x001E, 0x0427, 0x0423, 0x0424
WHOLE = (
    "id:12ab sub:001 dlvrd:001 submit date:2611241200 done date:2611241201 "
    "stat:{} err:000 text:Hello"
)


def hear(text: str = "", *, esm_class: int = 4, **more: Any) -> Receipt | Inbound | None:
    tlvs = [smpp34.Tlv(tag, value) for tag, value in more.pop("tlvs", {}).items()]
    octets = more.pop("octets", text.encode("latin-1"))
    data_coding = more.pop("data_coding", 0)
    source = more.pop("source", "79261234567")
    pdu = smpp34.DeliverSm(
        source, "Vestnik", octets, esm_class=esm_class, data_coding=data_coding, tlvs=tlvs
    )
    return DeliverSmParser("main", Options(more), Coding(Options({}), (153, 134))).parse(pdu)


@pytest.mark.parametrize(
    ("stat", "state"),
    [
        ("DELIVRD", "delivered"),
        ("delivrd", "delivered"),
        ("UNDELIV", "undelivered"),
        ("EXPIRED", "undelivered"),
        ("DELETED", "undelivered"),
        ("REJECTD", "undelivered"),
        ("DELIVERED", "delivered"),
        ("Delivered", "delivered"),
        ("UNDELIVERABLE", "undelivered"),
        ("UNDELIVERED", "undelivered"),
        ("REJECTED", "undelivered"),
        ("FAILED", "undelivered"),
        ("ACCEPTD", None),
        ("ENROUTE", None),
        ("UNKNOWN", None),
        ("BUFFRED", None),
    ],
)
def test_only_final_states_make_a_receipt(stat: str, state: str | None) -> None:
    heard = hear(WHOLE.format(stat))
    assert (heard.state if isinstance(heard, Receipt) else heard) == state


@pytest.mark.parametrize(
    ("text", "more", "provider_id", "error"),
    [
        (WHOLE.format("UNDELIV"), {}, "12ab", "UNDELIV 000"),
        ("id:7 stat:UNDELIV err:0A1", {}, "7", "UNDELIV 0A1"),
        ("ID:7 STAT:UNDELIV Text:id:8 stat:DELIVRD", {}, "7", "UNDELIV"),
        (
            "id:07033084-5cfd_48bb submit date:20261124120000 stat:UNDELIV",
            {},
            "07033084-5cfd_48bb",
            "UNDELIV",
        ),
        ("", {"tlvs": {ID: b"abc\0", STATE: b"\5"}}, "abc", "UNDELIV"),
        ("", {"tlvs": {ID: b"abc", STATE: b"\5"}}, "abc", "UNDELIV"),
        (
            "id:1 stat:DELIVRD",
            {"tlvs": {ID: b"2\0", STATE: b"\5", ERROR: b"\3\0\33"}},
            "2",
            "UNDELIV 27",
        ),
        ("id:1 stat:REJECTD", {"tlvs": {ID: b"2\0"}}, "2", "REJECTD"),
        ("", {"tlvs": {PAYLOAD: b"id:5 stat:EXPIRED"}}, "5", "EXPIRED"),
        ("id:5 stat:EXPIRED", {"esm_class": 0x44 & ~0x40}, "5", "EXPIRED"),
        ("id:5 stat:EXPIRED", {"esm_class": 0, "tlvs": {ID: b"5\0"}}, "5", "EXPIRED"),
        ("id:00000A1b stat:EXPIRED", {"receipt_ids": "hex"}, "2587", "EXPIRED"),
        ("id:0000002587 stat:EXPIRED", {"receipt_ids": "decimal"}, "2587", "EXPIRED"),
        ("id:x-1 stat:EXPIRED", {"receipt_ids": "hex"}, "x-1", "EXPIRED"),
        ("id:9 stat:UNDELIV err:001\0", {}, "9", "UNDELIV 001"),
        ("id:9\0stat:UNDELIV\0err:0\x011\0text:x", {}, "9", "UNDELIV 01"),
        ("id:9\0 stat:EXPIRED", {"receipt_ids": "decimal"}, "9", "EXPIRED"),
        ("", {"tlvs": {ID: b"a\1bc\0", STATE: b"\5"}}, "abc", "UNDELIV"),
        ("id:9 stat:UNDELIV err: text:Hello there", {}, "9", "UNDELIV"),
        ("id:9 stat:UNDELIV err: Text:Hello there", {}, "9", "UNDELIV"),
        ("id:9 stat:UNDELIV text:see err:404 id:8 stat:DELIVRD", {}, "9", "UNDELIV"),
        ("id: 9 sub: dlvrd: stat: UNDELIV err:", {}, "9", "UNDELIV"),
        (
            "",
            {"octets": "id:9 stat:UNDELIV err:1 text:Я".encode("utf-16-be"), "data_coding": 8},
            "9",
            "UNDELIV 1",
        ),
        (
            "",
            {"octets": "id:9 stat:UNDELIV".encode("utf-16-be"), "data_coding": 0x18},
            "9",
            "UNDELIV",
        ),
        ("id:9 stat:UNDELIV", {"data_coding": 8}, "9", "UNDELIV"),  # only called so
    ],
)
def test_a_receipt_is_read_field_by_field(
    text: str, more: dict[str, Any], provider_id: str, error: str
) -> None:
    heard = hear(text, **more)
    assert isinstance(heard, Receipt)
    assert (heard.provider_id, heard.error) == (provider_id, error)
    assert heard.state == "undelivered"


@pytest.mark.parametrize(
    "text", ["", "stat:DELIVRD", "id:5", "id: stat:", "1,2,3,DELIVRD", "id:\1 stat:DELIVRD"]
)
def test_what_cannot_be_read_is_no_receipt(text: str) -> None:
    assert hear(text) is None


def test_a_client_cannot_forge_a_receipt_by_writing_one() -> None:
    heard = hear(WHOLE.format("UNDELIV"), esm_class=0)
    assert isinstance(heard, Inbound)


@pytest.mark.parametrize(
    ("octets", "data_coding", "esm_class", "text"),
    [
        (b"STOP", 0, 0, "STOP"),
        ("Стоп".encode("utf-16-be"), 8, 0, "Стоп"),
        (b"\xd1\xe2\xee\xe9", 3, 0, "Ñâîé"),
        (b"\x05\x00\x03\x01\x02\x01STOP", 0, 0x40, "STOP"),
        (b"\x00\x1be", 0, 0, "@€"),
        (b"STOP\0", 1, 0, "STOP"),
        ("Стоп\0\n1\x9f".encode("utf-16-be"), 8, 0, "Стоп\n1"),
    ],
)
def test_an_inbound_message_is_read_in_its_alphabet(
    octets: bytes, data_coding: int, esm_class: int, text: str
) -> None:
    heard = hear(octets=octets, data_coding=data_coding, esm_class=esm_class)
    assert isinstance(heard, Inbound)
    assert (heard.phone_number, heard.text) == ("79261234567", text)


def test_receipts_find_their_messages_also_late_and_doubled() -> None:
    async def test() -> None:
        sink = Heap()
        behaviour = Behaviour(receipts=True, receipt_delay=0.1, receipts_doubled=100)
        async with (
            Sandbox(http_port=None, smpp_port=0, behaviour=behaviour) as sandbox,
            opened(smpp(sandbox), sink) as connection,
        ):
            outcomes = await connection.hand_over_all(flight(5))
            await until(lambda: len(sink.receipts) == 10)
            ids = {outcome.provider_id for outcome in outcomes if isinstance(outcome, Accepted)}
            assert {receipt.provider_id for receipt in sink.receipts} == ids
            assert len(ids) == 5

    run(test)


def test_an_id_is_the_same_in_answers_and_in_receipts_whatever_is_unprintable_in_it() -> None:
    parser = DeliverSmParser("main", Options({}), Coding(Options({}), (153, 134)))
    heard = hear("id:a\1b-9 stat:DELIVRD")
    assert isinstance(heard, Receipt)
    assert parser.answered_id("a\1b-9 ") == heard.provider_id == "ab-9"


def test_a_receipt_may_come_before_the_answer_and_with_its_id_in_decimal() -> None:
    async def test() -> None:
        sink = Heap()
        behaviour = Behaviour(receipts=True, delay=0.3, decimal_receipts=True)
        async with (
            Sandbox(http_port=None, smpp_port=0, behaviour=behaviour) as sandbox,
            opened(smpp(sandbox, answer_ids="hex", receipt_ids="decimal"), sink) as connection,
        ):
            handing = asyncio.create_task(connection.hand_over_all([outgoing()]))
            await until(lambda: sink.receipts)
            assert not handing.done()
            (outcome,) = await handing
            assert isinstance(outcome, Accepted)
            assert sink.receipts[0].provider_id == outcome.provider_id

    run(test)


def test_what_could_not_be_stored_is_not_acknowledged() -> None:
    async def test() -> None:
        sink = Heap()
        sink.broken = True
        async with (
            Sandbox(http_port=None, smpp_port=0, behaviour=Behaviour(receipts=True)) as sandbox,
            opened(smpp(sandbox), sink) as connection,
        ):
            await connection.hand_over_all(flight(3))
            await until(lambda: sandbox.receipts.refused == 3)
            sink.broken = False
            await connection.hand_over_all([outgoing(9)])
            await until(lambda: len(sink.receipts) == 1)
            assert sandbox.receipts.refused == 3

    run(test)


def test_somebody_writes_stop() -> None:
    async def test() -> None:
        sink = Heap()
        async with (
            Sandbox(http_port=None, smpp_port=0) as sandbox,
            opened(smpp(sandbox), sink) as connection,
        ):
            await connection.hand_over_all([outgoing()])
            sandbox.receipts.inbound("79261234567", "СТОП")
            await until(lambda: sink.inbound)
            assert (sink.inbound[0].phone_number, sink.inbound[0].text) == ("79261234567", "СТОП")

    run(test)


def test_a_long_message_has_an_id_and_a_receipt_for_each_part() -> None:
    async def test() -> None:
        sink = Heap()
        async with (
            Sandbox(http_port=None, smpp_port=0, behaviour=Behaviour(receipts=True)) as sandbox,
            opened(smpp(sandbox), sink) as connection,
        ):
            (outcome,) = await connection.hand_over_all([outgoing(1, "я" * 180)])
            assert isinstance(outcome, Accepted)
            await until(lambda: len(sink.receipts) == 3)
            states = {receipt.provider_id: receipt.state for receipt in sink.receipts}
            assert outcome.part_ids == tuple(states)
            assert outcome.provider_id == outcome.part_ids[0]
            assert combined_state(states.get(part) for part in outcome.part_ids) == "delivered"

    run(test)


@pytest.mark.parametrize(
    ("parts", "state"),
    [
        (["delivered", "delivered"], "delivered"),
        (["delivered", None], None),
        ([None, "undelivered"], "undelivered"),
        ([], None),
    ],
)
def test_a_long_message_is_delivered_when_all_parts_are(parts: Any, state: str | None) -> None:
    assert combined_state(parts) == state


@pytest.mark.parametrize(
    ("asked", "gives"), [("0", False), ("1", True), ("2", True), ("16", False)]
)
def test_ids_are_kept_where_receipts_were_asked_for(asked: str, gives: bool) -> None:
    given = {"host": "smsc.example", "system_id": "v", "registered_delivery": asked}
    assert SmppProvider("main", given).gives_receipts is gives


@pytest.mark.parametrize(
    ("text", "is_told"),
    [("id:9 stat:NONSENSE", True), ("stat:DELIVRD", True), ("id:9 stat:ENROUTE", False)],
)
def test_a_receipt_that_cannot_be_read_is_told_of(
    text: str, is_told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    assert hear(text) is None
    assert bool(caplog.records) is is_told
