"""Callbacks of an HTTP gateway: who may call, and what is read from it."""

from typing import Any

import pytest

from vestnik.providers.base import CallbackResult
from vestnik.providers.callbacks import Callback, CallbackRefused
from vestnik.providers.console import ConsoleProvider
from vestnik.providers.http_gateway import HttpGatewayProvider

RECEIPT = b'{"id": 12, "provider_id": "a-1", "status": "Delivered"}'


def hear(callback: Callback, **options: str) -> CallbackResult:
    given = {"url": "https://gateway.example", "callback_secret": "geheim"}
    return HttpGatewayProvider("main", given | options).read_callback(callback)


@pytest.mark.parametrize(
    "shown",
    [
        {"secret": "geheim"},
        {"query": {"secret": "geheim"}},
        {"headers": {"Authorization": "Bearer geheim"}},
    ],
)
def test_the_secret_may_stand_in_three_places(shown: dict[str, Any]) -> None:
    (receipt,) = hear(Callback(body=RECEIPT, **shown)).receipts
    assert (receipt.message_id, receipt.provider_id, receipt.state) == (12, "a-1", "delivered")


@pytest.mark.parametrize(
    ("callback", "options"),
    [
        (Callback(body=RECEIPT), {}),
        (Callback(body=RECEIPT, secret="geheim "), {}),
        (Callback(body=RECEIPT, secret=""), {"callback_secret": ""}),
        (
            Callback(body=RECEIPT, secret="geheim", remote_addr="10.1.2.3"),
            {"callback_addresses": "192.0.2.0/24"},
        ),
        (
            Callback(body=RECEIPT, secret="geheim", remote_addr=""),
            {"callback_addresses": "192.0.2.0/24"},
        ),
        (Callback(body=b"<xml/>", secret="geheim"), {}),
        (Callback(body=b"[" * 100_000, secret="geheim"), {}),
        (Callback(body=b'{"status": "delivered"}', secret="geheim"), {}),
        (Callback(body=b'{"text": "STOP"}', secret="geheim"), {}),
    ],
)
def test_what_is_not_the_gateways_or_cannot_be_read_is_refused(
    callback: Callback, options: dict[str, str]
) -> None:
    with pytest.raises(CallbackRefused):
        hear(callback, **options)


def test_allowed_addresses_are_let_in() -> None:
    callback = Callback(body=RECEIPT, secret="geheim", remote_addr="192.0.2.7")
    assert hear(callback, callback_addresses="192.0.2.0/24,2001:db8::/32").receipts


def test_many_notices_in_one_body() -> None:
    body = (
        b'[{"id": 1, "status": "delivered"}, {"id": 2, "status": "queued"},'
        b' {"id": 3, "status": "failed", "error": "no such number"},'
        b' {"phone": "+7 926 123-45-67", "text": "STOP"}]'
    )
    heard = hear(Callback(body=body, secret="geheim"))
    assert [(receipt.message_id, receipt.state) for receipt in heard.receipts] == [
        (1, "delivered"),
        (3, "undelivered"),
    ]
    assert heard.receipts[1].error == "no such number"
    assert [(text.phone_number, text.text) for text in heard.inbound] == [("79261234567", "STOP")]


def test_an_id_is_what_the_answer_to_the_hand_over_made_of_it() -> None:
    body = b'{"id": 12, "provider_id": "%s", "status": "delivered"}'
    longest, unfit = b" " + b"a" * 120, rb"a\u0000"
    found = [
        hear(Callback(body=body % word, secret="geheim")).receipts[0] for word in (longest, unfit)
    ]
    assert [receipt.provider_id for receipt in found] == ["a" * 100, ""]
    with pytest.raises(CallbackRefused):
        hear(Callback(body=rb'{"provider_id": "\ud800", "status": "delivered"}', secret="geheim"))


def test_the_places_and_words_are_configured() -> None:
    """Jasmin's, as its documentation has them: a form, answered `ACK/Jasmin`."""
    form = {"id": "07033084", "message_status": "UNDELIV", "err": "027"}
    heard = hear(
        Callback(form=form, secret="geheim"),
        callback_id_path="none",
        callback_provider_id_path="id",
        callback_state_path="message_status",
        callback_error_path="err",
        delivered_states="DELIVRD,ESME_ROK",
        undelivered_states="UNDELIV,REJECTD",
        callback_answer="ACK/Jasmin",
    )
    (receipt,) = heard.receipts
    assert (receipt.provider_id, receipt.message_id, receipt.error) == ("07033084", None, "027")
    assert heard.answer == "ACK/Jasmin"


def test_a_provider_without_callbacks_refuses_them() -> None:
    with pytest.raises(CallbackRefused):
        ConsoleProvider("console", {}).read_callback(Callback())


@pytest.mark.parametrize(
    ("notice", "receipts", "inbound"),
    [
        # an empty text makes no inbound text of a receipt
        ('{"id": 1, "status": "delivered", "text": ""}', 1, 0),
        ('{"id": 1, "status": "delivered", "text": null}', 1, 0),
        # a receipt that repeats what we sent
        ('{"id": 1, "status": "delivered", "phone": "79261234567", "text": "Stop!"}', 1, 0),
        ('{"provider_id": "a", "status": "failed", "phone": "7", "text": "Stop!"}', 1, 0),
        ('{"id": 1, "status": "sent", "phone": "79261234567", "text": "Stop!"}', 0, 0),
        # what a client wrote, with an id and a state of its own
        ('{"id": 1, "status": "received", "phone": "79261234567", "text": "Stop"}', 0, 1),
        ('{"phone": "79261234567", "text": "Stop", "status": "delivered"}', 0, 1),
    ],
)
def test_a_notice_is_a_receipt_or_a_text(notice: str, receipts: int, inbound: int) -> None:
    heard = hear(Callback(body=notice.encode(), secret="geheim"))
    assert (len(heard.receipts), len(heard.inbound)) == (receipts, inbound)


@pytest.mark.parametrize(
    "bad",
    ["{}", "null", "7", '{"status": "delivered"}', '{"id": 1}', '{"id": [], "status": {}}'],
)
def test_one_unreadable_notice_takes_no_other_along(bad: str) -> None:
    body = f'[{bad}, {{"id": 1, "status": "delivered"}}, {bad}]'
    heard = hear(Callback(body=body.encode(), secret="geheim"))
    assert [receipt.message_id for receipt in heard.receipts] == [1]
    with pytest.raises(CallbackRefused):
        hear(Callback(body=f"[{bad}, {bad}]".encode(), secret="geheim"))


def test_an_id_that_is_none_of_ours_is_dropped_with_a_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It could match nothing; refused, it would come again and again."""
    heard = hear(Callback(body=b'{"id": "no-number", "status": "delivered"}', secret="geheim"))
    assert not heard.receipts
    assert "not one of ours" in caplog.text


def test_json_under_a_forms_content_type_is_json() -> None:
    callback = Callback(body=RECEIPT, form={RECEIPT.decode(): ""}, secret="geheim")
    assert [receipt.message_id for receipt in hear(callback).receipts] == [12]


@pytest.mark.parametrize("address", ["::ffff:192.0.2.7", "192.0.2.7", "2001:db8::1"])
def test_an_address_is_let_in_however_it_is_written(address: str) -> None:
    callback = Callback(body=RECEIPT, secret="geheim", remote_addr=address)
    assert hear(callback, callback_addresses="192.0.2.0/24,2001:db8::/32").receipts
    with pytest.raises(CallbackRefused):
        hear(callback, callback_addresses="198.51.100.0/24,2001:db9::/32")
