"""SMSC.ru: the contract, its errors, its statuses by query and by callback."""

import asyncio
import hashlib
from typing import Any

import pytest

from tests.dispatch.vendor import ALLOWED, Vendor
from tests.gateways.builders import opened, outgoing, run
from tests.gateways.servers import answering, http, serving
from tests.providers.contract import ContractCases
from vestnik.providers.base import Accepted, Deferred, Receipt, Rejected, StatusQuery, Unknown
from vestnik.providers.callbacks import Callback, CallbackRefused
from vestnik.providers.errors import OptionError
from vestnik.providers.smsc.codes import SEND_ERRORS
from vestnik.providers.smsc.provider import SmscProvider, hours_and_minutes
from vestnik.sandbox.behaviour import Behaviour
from vestnik.sandbox.gateway import Sandbox


def smsc(url: str = "https://smsc.ru", **options: Any) -> SmscProvider:
    given = {"url": url, "login": "us", "password": "geheim", "sender": "Vestnik"}
    return SmscProvider("smsc", given | options)


class TestContract(ContractCases):
    throttled_for = 5.0

    def build(self, sandbox: Sandbox, **options: Any) -> SmscProvider:
        return smsc(sandbox.url, **options)

    def validity_on_the_wire(self, sandbox: Sandbox) -> float:
        hours, minutes = map(int, sandbox.ledger.taken[0].validity.split(":"))
        return (hours * 60 + minutes) * 60

    def most_in_flight(self, sandbox: Sandbox) -> int:
        return len(sandbox.connections)


def outcome_of(answer: bytes) -> Any:
    found: list[object] = []

    async def test() -> None:
        async with (
            serving(answering(answer)) as port,
            opened(smsc(f"http://127.0.0.1:{port}", deadline="2")) as connection,
        ):
            found.extend(await connection.hand_over_all([outgoing(5)]))

    run(test)
    return found[0]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("1", Rejected),
        ("2", Deferred),
        ("3", Deferred),
        ("4", Deferred),
        ("5", Rejected),
        ("6", Rejected),
        ("7", Rejected),
        ("8", Rejected),
        ("9", Deferred),
        ("77", Unknown),
    ],
)
def test_an_error_inside_a_200_means_what_the_table_says(code: str, expected: type) -> None:
    outcome = outcome_of(http(f'{{"error": "so so", "error_code": {code}}}'.encode()))
    assert type(outcome) is expected
    assert "so so" in outcome.reason
    assert code == "77" or code in SEND_ERRORS
    if expected is Deferred:
        assert outcome.provider_wide


@pytest.mark.parametrize(
    "answer", [http(b"OK - 1 SMS"), http(b"[]"), http(b'{"id":1}'), http(b"", "502 Bad Gateway")]
)
def test_an_answer_that_is_not_the_vendors_is_unknown(answer: bytes) -> None:
    assert isinstance(outcome_of(answer), Unknown)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "00:01"), (119, "00:01"), (7200, "02:00"), (86_400, "24:00"), (10**6, "24:00")],
)
def test_the_validity_is_from_a_minute_to_a_day(seconds: int, text: str) -> None:
    assert hours_and_minutes(seconds) == text


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (Behaviour(), "Accepted"),
        (Behaviour(receipts=True), "delivered"),
        (Behaviour(receipts=True, undelivered=100), "undelivered"),
    ],
)
def test_a_message_in_doubt_is_asked_for_by_our_id(behaviour: Behaviour, expected: str) -> None:
    async def test() -> None:
        async with (
            Sandbox(behaviour=behaviour) as sandbox,
            opened(smsc(sandbox.url)) as connection,
        ):
            await connection.hand_over_all([outgoing(1), outgoing(2)])
            questions = [
                StatusQuery(1, outgoing(1).phone_number),
                StatusQuery(2, outgoing(2).phone_number, "v2"),
                StatusQuery(3, outgoing(3).phone_number),
            ]
            *known, missing = await connection.ask(questions)
            states = [getattr(reply, "state", type(reply).__name__) for reply in known]
            assert states == [expected, expected]
            assert isinstance(missing, Unknown)

    run(test)


def test_it_is_never_asked_five_questions_at_once() -> None:
    """Those five are refused, by whichever calls they come."""
    questions = [StatusQuery(number, "79261234567") for number in range(6)]
    with Vendor(delay=0.05) as vendor:

        async def test() -> None:
            async with opened(smsc(vendor.url)) as connection:
                replies = await asyncio.gather(connection.ask(questions), connection.ask(questions))
                assert {type(reply) for each in replies for reply in each} == {Accepted}

        run(test)
    assert len(vendor.asked) == 12
    assert vendor.most == ALLOWED


def test_asking_a_vendor_that_is_away_tells_nothing() -> None:
    async def test() -> None:
        async with Sandbox() as sandbox:
            provider = smsc(sandbox.url)
        async with opened(provider) as connection:
            (reply,) = await connection.ask([StatusQuery(1, "79261234567")])
            assert isinstance(reply, Unknown)

    run(test)


def signed(kind: str, text: str, charset: str = "utf-8", **fields: str) -> Callback:
    digest = hashlib.new(kind, f"{text}:geheim2".encode(charset)).hexdigest()
    return Callback(form={**fields, kind: digest})


@pytest.mark.parametrize("kind", ["md5", "sha1"])
def test_a_signed_callback_is_a_receipt_of_ours(kind: str) -> None:
    callback = signed(
        kind, "v12:79261234567:20", id="v12", phone="79261234567", status="20", err="1",
        ts="1795500000",
    )  # fmt: skip
    heard = smsc(callback_signature_secret="geheim2").read_callback(callback)
    (receipt,) = heard.receipts
    assert isinstance(receipt, Receipt)
    assert (receipt.message_id, receipt.provider_id) == (12, "v12")
    assert (receipt.state, receipt.error) == (
        "undelivered",
        "20: impossible to deliver, err 1",
    )
    assert receipt.at.timestamp() == 1795500000


@pytest.mark.parametrize(
    ("status", "count"), [("1", 1), ("2", 1), ("0", 0), ("-1", 0), ("-2", 0), ("24", 0), ("-3", 0)]
)
def test_only_final_statuses_make_a_receipt(status: str, count: int) -> None:
    callback = signed("md5", f"7:79261234567:{status}", id="7", phone="79261234567", status=status)
    heard = smsc(callback_signature_secret="geheim2").read_callback(callback)
    assert len(heard.receipts) == count
    assert [receipt.message_id for receipt in heard.receipts] == [None] * count


@pytest.mark.parametrize("charset", ["utf-8", "cp1251"])
def test_a_signed_inbound_message(charset: str) -> None:
    callback = signed(
        "md5", "79261234567:СТОП:1234", charset, phone="79261234567", mes="СТОП", to="1234"
    )  # fmt: skip
    (message,) = smsc(callback_signature_secret="geheim2").read_callback(callback).inbound
    assert (message.phone_number, message.text) == ("79261234567", "СТОП")


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "v1", "phone": "7", "status": "1"},
        {"id": "v1", "phone": "7", "status": "1", "md5": "0" * 32},
        {"phone": "7", "mes": "STOP", "to": "1", "sha1": ""},
        {"phone": "7", "mes": "СТОП 😀", "to": "1", "md5": "0" * 32},
    ],
)
def test_a_forged_callback_is_refused(fields: dict[str, str]) -> None:
    provider = smsc(callback_signature_secret="geheim2", callback_secret="x")
    with pytest.raises(CallbackRefused, match="signature"):
        provider.read_callback(Callback(query=fields, secret="x"))


def test_without_a_signature_the_secret_of_the_path_opens() -> None:
    provider = smsc(callback_secret="tür")
    fields = {"id": "v1", "phone": "7", "status": "1"}
    assert provider.read_callback(Callback(query=fields, secret="tür")).receipts
    with pytest.raises(CallbackRefused):
        provider.read_callback(Callback(query=fields, secret="wrong"))


def test_neither_key_nor_login_is_an_error_that_names_the_option() -> None:
    with pytest.raises(OptionError) as caught:
        SmscProvider("smsc", {})
    assert caught.value.option == "login"
    assert SmscProvider("smsc", {"apikey": "k"}).can_query


def test_a_key_alone_is_enough() -> None:
    async def test() -> None:
        async with (
            Sandbox() as sandbox,
            opened(SmscProvider("s", {"url": sandbox.url, "apikey": "k"})) as connection,
        ):
            assert await connection.hand_over_all([outgoing(4)]) == [Accepted("v4")]

    run(test)


def test_without_a_prefix_an_id_of_the_account_is_not_taken_for_ours() -> None:
    fields = {"id": "12", "phone": "79261234567", "status": "1", "secret": "x"}
    for prefix, ours in (("", None), ("v", 12)):
        provider = smsc(id_prefix=prefix, callback_secret="x")
        called = Callback(query={**fields, "id": f"{prefix}12"})
        (receipt,) = provider.read_callback(called).receipts
        assert (receipt.message_id, receipt.phone_number) == (ours, "79261234567")
