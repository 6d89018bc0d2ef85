"""Callbacks: only authenticated providers change anything, and their events are stored."""

import io
import json
import logging
from collections.abc import Iterator
from hashlib import md5
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.test.client import ClientHandler

from tests.builders import counts, make_mailing, make_running
from tests.dispatch.sent import record
from vestnik.api.http.parsers import MIB
from vestnik.api.providers.callbacks import guesses
from vestnik.audience.models import StopListEntry
from vestnik.dispatch.models import UnmatchedReceipt
from vestnik.dispatch.receive import receipts
from vestnik.mailings.models import Mailing
from vestnik.middleware.concurrency_limit import at_most
from vestnik.providers.registry import describe

pytestmark = pytest.mark.django_db

SECRET = "geheim-0123456789"
ADDRESS = "/api/v1/receipts/main/"


@pytest.fixture(autouse=True)
def providers(settings: Any) -> Iterator[None]:
    gateway = {"url": "https://gateway.example", "callback_secret": SECRET}
    smsc = {"login": "x", "password": "y", "callback_signature_secret": "z"}
    settings.SMS_PROVIDERS = {
        "main": {"BACKEND": "http_gateway", "OPTIONS": gateway},
        "other": {"BACKEND": "http_gateway", "OPTIONS": gateway | {"callback_secret": "other"}},
        "vendor": {"BACKEND": "smsc", "OPTIONS": smsc},
        "console": {"BACKEND": "console"},
    }
    describe.cache_clear()
    guesses.forget()
    yield
    describe.cache_clear()


@pytest.fixture
def mailing() -> Mailing:
    """Three messages sent by `main` with the ids p-1, p-2 and p-3."""
    mailing = make_running(3, provider="main")
    record(mailing, ["sent"] * 3)
    return mailing


def notice(mailing: Mailing, place: int = 0, **more: Any) -> dict[str, Any]:
    ids = mailing.messages.order_by("id").values_list("id", flat=True)
    return {"id": ids[place], "status": "delivered", **more}


def post(body: Any, address: str = f"{ADDRESS}{SECRET}/", **headers: str) -> HttpResponse:
    return Client(headers=headers).post(address, json.dumps(body), "application/json")


@pytest.mark.parametrize(
    "shown", [{"address": f"{ADDRESS}{SECRET}/"}, {"address": f"{ADDRESS}?secret={SECRET}"}, {}]
)
def test_a_receipt_with_the_secret_is_applied_and_answered(
    mailing: Mailing, shown: dict[str, str]
) -> None:
    headers = {} if shown else {"authorization": f"Bearer {SECRET}"}

    answer = post(notice(mailing), shown.get("address", ADDRESS), **headers)

    assert (answer.status_code, answer.content) == (200, b"OK")
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert counts(mailing) == {"delivered": 1, "sent": 2}


def test_receipts_may_come_as_a_list_a_form_or_in_the_address(mailing: Mailing) -> None:
    first, second, third = (notice(mailing, place) for place in range(3))
    client, address = Client(), f"{ADDRESS}{SECRET}/"

    post([first])
    client.post(address, second)
    client.get(address, third)

    assert counts(mailing) == {"delivered": 3}


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "x"])
def test_the_answer_does_not_depend_on_what_is_accepted(mailing: Mailing, accept: str) -> None:
    assert post(notice(mailing), accept=accept).content == b"OK"


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        (ADDRESS, {}),
        (f"{ADDRESS}wrong/", {}),
        (f"{ADDRESS}?secret=wrong", {}),
        (ADDRESS, {"authorization": "Bearer wrong"}),
        (ADDRESS, {"x-forwarded-for": "127.0.0.1"}),
        ("/api/v1/receipts/console/", {}),
        (f"/api/v1/receipts/console/{SECRET}/", {}),
        ("/api/v1/receipts/vendor/", {}),
    ],
)
def test_callers_without_the_secret_change_nothing(
    mailing: Mailing, address: str, headers: dict[str, str]
) -> None:
    client = Client(headers=headers)
    answers = [
        post(notice(mailing), address, **headers),
        client.post(address, notice(mailing)),
        client.get(address, notice(mailing)),
    ]

    assert {answer.status_code for answer in answers} == {403}
    assert {answer["Content-Type"] for answer in answers} == {"application/problem+json"}
    assert counts(mailing) == {"sent": 3}
    assert not UnmatchedReceipt.objects.exists()


def test_the_secret_of_one_provider_says_nothing_of_anothers_messages(mailing: Mailing) -> None:
    known = notice(mailing)
    address = "/api/v1/receipts/other/other/"

    answers = [post(said, address) for said in (known, known | {"id": 10**12})]

    assert len({(answer.status_code, answer.content) for answer in answers}) == 1
    receipts.match_kept()
    assert counts(mailing) == {"sent": 3}


def test_an_api_key_is_no_secret_of_a_provider(mailing: Mailing) -> None:
    from tests.api.caller import Caller

    answer = Caller().post("receipts/main/", notice(mailing))

    assert answer.status_code == 403
    assert counts(mailing) == {"sent": 3}


def test_an_address_that_is_not_allowed_is_refused(mailing: Mailing, settings: Any) -> None:
    settings.SMS_PROVIDERS["main"]["OPTIONS"]["callback_addresses"] = "192.0.2.0/24"
    describe.cache_clear()

    assert post(notice(mailing)).status_code == 403
    inside = Client(REMOTE_ADDR="192.0.2.7")
    assert inside.post(f"{ADDRESS}{SECRET}/", notice(mailing)).status_code == 200


def test_a_vendors_signature_is_checked(settings: Any) -> None:
    mailing = make_running(1, provider="vendor")
    record(mailing, ["sent"])
    fields = {"id": "p-1", "phone": "79000000000", "status": "1"}
    signed = ":".join([*fields.values(), "z"]).encode()
    signature = md5(signed).hexdigest()  # noqa: S324  (the vendor signs so)

    forged = Client().post("/api/v1/receipts/vendor/", fields | {"md5": signature[::-1]})
    assert forged.status_code == 403
    assert counts(mailing) == {"sent": 1}
    assert Client().post("/api/v1/receipts/vendor/", fields | {"md5": signature}).status_code == 200
    assert counts(mailing) == {"delivered": 1}


def signed(*words: str) -> str:
    return md5(":".join([*words, "z"]).encode()).hexdigest()  # noqa: S324  (the vendor signs so)


def test_an_id_of_any_length_is_no_error() -> None:
    digits = "v" + "9" * 5000
    said = {"id": digits, "phone": "79000000000", "status": "1"}
    unsigned = Client().post("/api/v1/receipts/vendor/", said)
    right = Client().post("/api/v1/receipts/vendor/", said | {"md5": signed(*said.values())})

    assert (unsigned.status_code, right.status_code) == (403, 403)
    assert post({"id": "9" * 5000, "status": "delivered"}).status_code == 200
    body = b'{"status": "delivered", "id": ' + b"9" * 5000 + b"}"
    assert Client().post(f"{ADDRESS}{SECRET}/", body, "application/json").status_code == 403


def test_a_signature_of_a_receipt_is_none_of_a_text_nor_the_other_way() -> None:
    """Both addresses have three words and the secret."""
    receipt = ("79261234567", "79001112233", "1")
    as_text = dict(zip(("phone", "mes", "to"), receipt, strict=True))
    text = ("79261234567", "79001112233", "20")
    as_receipt = dict(zip(("id", "phone", "status"), text, strict=True))
    odd = {"id": "79261234567:СТОП", "phone": "79001112233", "status": "790"}
    address = "/api/v1/receipts/vendor/"

    answers = [
        Client().post(address, as_text | {"md5": signed(*receipt)}),
        Client().post(address, odd | {"md5": signed(*odd.values())}),
        Client().post(
            address,
            {"phone": "79261234567", "mes": "СТОП", "to": "79001112233"}
            | {"md5": signed("79261234567", "СТОП", "79001112233")},
        ),
        Client().post(address, as_receipt | {"md5": signed(*text)}),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 200, 200]
    assert StopListEntry.objects.count() == 1


def test_a_stop_word_that_is_told_again_does_nothing_more() -> None:
    told = {"phone": "79261234567", "text": "STOP", "id": "in-1"}
    assert post(told).status_code == 200
    StopListEntry.objects.all().delete()  # an administrator removed the number

    assert post(told).status_code == 200
    assert not StopListEntry.objects.exists()
    assert post(told | {"id": "in-2"}).status_code == 200
    assert StopListEntry.objects.count() == 1


@pytest.mark.parametrize("more", [{"id": "7"}, {"time": "1764400000"}, {"id": "7", "time": "1"}])
def test_a_vendors_signed_text_is_taken_once(more: dict[str, str]) -> None:
    words = ("79261234567", "STOP", "79001112233")
    told = dict(zip(("phone", "mes", "to"), words, strict=True)) | more | {"md5": signed(*words)}
    assert Client().post("/api/v1/receipts/vendor/", told).status_code == 200
    StopListEntry.objects.all().delete()

    assert Client().post("/api/v1/receipts/vendor/", told).status_code == 200
    assert not StopListEntry.objects.exists()


def test_nobody_learns_which_providers_there_are() -> None:
    asked = ("pigeon", "main", "vendor", "console", "main/wrong", "pigeon/wrong")
    answers = [post({}, f"/api/v1/receipts/{path}/") for path in asked]

    assert {answer.status_code for answer in answers} == {403}
    assert len({answer.content for answer in answers}) == 1


def test_a_secret_is_not_guessed_by_trying(mailing: Mailing) -> None:
    wrong = [post({}, f"{ADDRESS}{n}/").status_code for n in range(30)]
    right = post(notice(mailing))
    elsewhere = Client(REMOTE_ADDR="192.0.2.7").get(f"{ADDRESS}{SECRET}/", notice(mailing))

    assert (wrong[0], wrong[-1]) == (403, 429)
    assert (right.status_code, elsewhere.status_code) == (200, 200)
    assert 0 < int(post({}, f"{ADDRESS}wrong/")["Retry-After"]) <= 60
    assert (
        post({}, "/api/v1/receipts/other/other/").status_code == 403
    )  # another provider's are not counted


def guess(address: str) -> int:
    """Return the status of the last of thirty wrong secrets."""
    return [post({}, address).status_code for _ in range(30)][-1]


def test_a_provider_is_heard_whatever_others_send_from_its_address(mailing: Mailing) -> None:
    """Behind a proxy the provider and an attacker may have the same address."""
    words = ("79031234567", "STOP", "79001112233")
    text = dict(zip(("phone", "mes", "to"), words, strict=True)) | {"md5": signed(*words)}
    guessed = [guess(f"{ADDRESS}wrong/"), guess("/api/v1/receipts/vendor/")]

    answers = [
        post({"phone": "79261234567", "text": "STOP"}),
        post(notice(mailing), ADDRESS, authorization=f"Bearer {SECRET}"),
        Client().get(ADDRESS, {**notice(mailing, 1), "secret": SECRET}),
        Client().post("/api/v1/receipts/vendor/", text),
    ]

    assert guessed == [429, 429]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert set(StopListEntry.objects.values_list("phone_number", flat=True)) == {
        "79261234567",
        "79031234567",
    }
    assert counts(mailing) == {"delivered": 2, "sent": 1}


FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
PARTS = (
    b'--b\r\nContent-Disposition: form-data; name="phone"\r\n\r\n79261234567\r\n'
    b'--b\r\nContent-Disposition: form-data; name="text"\r\n\r\n%b\r\n--b--\r\n'
)


def send(body: bytes, content_type: str, query: str = "") -> int:
    """Return the status of a callback through the WSGI layers before Django."""
    address = f"{ADDRESS}{SECRET}/{query and '?'}{query}"
    environ = RequestFactory().generic("POST", address, body).environ
    environ["CONTENT_TYPE"] = content_type
    statuses: list[int] = []

    def application(environ: dict[str, Any], start: Any) -> list[bytes]:
        statuses.append(ClientHandler()(environ).status_code)
        return []

    at_most(1, application)(environ, None)
    return statuses[0]


@pytest.mark.parametrize(
    ("label", "charset"),
    [
        ("; charset=windows-1251", "cp1251"),
        ('; charset="Windows-1251"', "cp1251"),
        ("; charset=cp1251", "cp1251"),
        ("; charset=koi8-r", "koi8-r"),
        ("; charset=KOI8-U", "koi8-u"),
        ("; charset=cp866", "cp866"),
        ("; charset=iso-8859-5", "iso8859-5"),
        ("; charset=utf-8", "utf-8"),
        ("; charset=utf-8", "cp1251"),
        ("; charset=nonsense", "utf-8"),
        ("; charset=nonsense", "cp1251"),
        ("; charset=hex", "cp1251"),
        ("; charset=us-ascii", "utf-8"),
        ("; charset=", "cp1251"),
        ("", "utf-8"),
        ("", "cp1251"),
    ],
)
def test_a_stop_word_is_done_in_whatever_charset(label: str, charset: str) -> None:
    word = "СТОП".encode(charset)
    escaped = "".join(f"%{byte:02X}" for byte in word)
    fields = f"phone=79261234567&text={escaped}"
    ways = [
        (fields.encode(), FORM + label, ""),
        (b"phone=79261234567&text=" + word, FORM + label, ""),
        (PARTS % word, MULTIPART + label, ""),
        (b"", FORM + label, fields),
    ]
    for body, content_type, query in ways:
        StopListEntry.objects.all().delete()
        assert send(body, content_type, query) == 200
        assert StopListEntry.objects.get().phone_number == "79261234567", (content_type, query)


def test_the_label_of_a_body_says_nothing_of_the_address() -> None:
    body = "phone=79261234567&text=СТОП".encode("koi8-r")
    answer = Client().generic(
        "POST", f"{ADDRESS}{SECRET}/?from=%D0%BE%D1%82", body, f"{FORM}; charset=koi8-r"
    )

    assert answer.status_code == 200
    assert StopListEntry.objects.exists()


@pytest.mark.parametrize("label", ["", "; charset=utf-8", "; charset=windows-1251"])
def test_fields_in_no_charset_are_refused(label: str) -> None:
    """0x98 is not a character of windows-1251, and not valid UTF-8 there."""
    for body, content_type, query in [
        (b"phone=79261234567&text=%D1%98%98", FORM, ""),
        (PARTS % b"\xd1\x98\x98", MULTIPART, ""),
        (b"", FORM, "phone=79261234567&text=%98"),
    ]:
        assert send(body, content_type + label, query) == 403
    assert not StopListEntry.objects.exists()


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
def test_nothing_but_get_and_post_is_taken(mailing: Mailing, method: str) -> None:
    query = f"?id={notice(mailing)['id']}&status=delivered"
    answer = Client().generic(method, f"{ADDRESS}{SECRET}/{query}")
    assert answer.status_code == 405
    assert counts(mailing) == {"sent": 3}


def test_more_than_1_mib_is_not_read() -> None:
    answer = post({"status": "x" * MIB})
    assert answer.status_code == 413


@pytest.mark.parametrize("odd", ["\x00", "\ud800"])
def test_a_text_is_read_whatever_it_holds_and_loses_no_other_item(
    mailing: Mailing, odd: str
) -> None:
    """It is not stored, and neither is the vendor's id of it."""
    told = {"phone": "79261234567", "text": f"СТОП{odd}", "id": f"in-1{odd}"}
    items = [{"phone": "79261234568", "text": odd}, told, notice(mailing), told]
    assert post(items).status_code == 200
    assert counts(mailing)["delivered"] == 1
    assert StopListEntry.objects.get().phone_number == "79261234567"


@pytest.mark.parametrize("provider_id", ["a\x00", "\ud800"])
def test_an_id_that_cannot_be_stored_is_none(mailing: Mailing, provider_id: str) -> None:
    assert post({"status": "delivered", "provider_id": provider_id}).status_code == 403
    assert counts(mailing) == {"sent": 3}


def test_of_a_long_id_its_beginning_is_kept_as_in_the_answer(mailing: Mailing) -> None:
    assert post({"status": "delivered", "provider_id": "x" * 101}).status_code == 200
    assert UnmatchedReceipt.objects.get().provider_message_id == "x" * 100


@pytest.mark.parametrize("body", [b"", b"{", b"[]]", b"\xff", b'"x"', b"[[1]]", b"1e999", b"null"])
def test_a_body_that_cannot_be_read_breaks_nothing(mailing: Mailing, body: bytes) -> None:
    answer = Client().post(f"{ADDRESS}{SECRET}/", body, "application/json")
    assert answer.status_code == 403
    assert counts(mailing) == {"sent": 3}


def test_an_unknown_receipt_is_kept_for_the_hand_over_to_come() -> None:
    assert post({"provider_id": "later", "status": "delivered"}).status_code == 200
    assert UnmatchedReceipt.objects.get().provider_message_id == "later"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Yield the lines of the log as the service formats them."""
    [ours] = [each for each in logging.getLogger().handlers if type(each) is logging.StreamHandler]
    beside = logging.StreamHandler(io.StringIO())
    beside.setFormatter(ours.formatter)
    logging.getLogger().addHandler(beside)
    yield beside.stream
    logging.getLogger().removeHandler(beside)


def test_neither_a_number_nor_the_secret_gets_into_the_log(
    caplog: pytest.LogCaptureFixture, written: io.StringIO
) -> None:
    make_mailing()
    with caplog.at_level(logging.DEBUG):
        answer = post({"phone": "+7 926 123-45-67", "text": "STOP 79261234567"})
        post({"phone": "79261234567", "text": "STOP"}, f"{ADDRESS}wrong-{SECRET}/")

    said = written.getvalue()
    assert answer.status_code == 200
    assert "request_started" in said
    assert "inbound message" in said
    assert "9261234567" not in said
    assert SECRET not in said
    assert "receipts/main/***/" in said
