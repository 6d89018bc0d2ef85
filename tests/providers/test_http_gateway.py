"""The HTTP gateway: the contract, its shape on the wire, and its answers."""

import asyncio
from typing import Any

import pytest

from tests.gateways.builders import opened, outgoing, run
from tests.gateways.servers import answering, http, read_request, serving
from tests.providers.contract import ContractCases
from vestnik.providers.base import (
    Accepted,
    Deferred,
    Rejected,
    Unknown,
    account_refused,
)
from vestnik.providers.http_gateway import HttpGatewayProvider
from vestnik.sandbox.gateway import Sandbox


def gateway(port: int, **options: Any) -> HttpGatewayProvider:
    url = f"http://127.0.0.1:{port}"
    return HttpGatewayProvider("main", {"url": url, "token": "geheim", **options})


class TestContract(ContractCases):
    def build(self, sandbox: Sandbox, **options: Any) -> HttpGatewayProvider:
        headers = '{"X-Validity-Seconds": "{validity_seconds}"}'
        given = {"url": sandbox.url, "token": "geheim", "headers": headers}
        return HttpGatewayProvider("main", given | options)

    def validity_on_the_wire(self, sandbox: Sandbox) -> float:
        return float(sandbox.ledger.taken[0].validity)

    def most_in_flight(self, sandbox: Sandbox) -> int:
        return len(sandbox.connections)


def on_the_wire(text: str = "Привет", valid_for: float = 3600.0, **options: Any) -> bytes:
    """The request that a message becomes."""
    seen: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(http(b'{"code":0,"message":"OK"}'))

    async def test() -> None:
        async with serving(talk) as port, opened(gateway(port, **options)) as connection:
            await connection.hand_over_all([outgoing(12, text, valid_for=valid_for)])

    run(test)
    return seen[0]


def outcome_of(answer: bytes, **options: Any) -> object:
    found: list[object] = []

    async def test() -> None:
        async with (
            serving(answering(answer)) as port,
            opened(gateway(port, deadline="2", **options)) as connection,
        ):
            found.extend(await connection.hand_over_all([outgoing(5)]))

    run(test)
    return found[0]


def test_the_default_shape_is_numbers_and_a_bearer_token() -> None:
    request = on_the_wire()
    assert request.startswith(b"POST /send/12 HTTP/1.1\r\n")
    assert b"Authorization: Bearer geheim\r\n" in request
    assert b"Content-Type: application/json\r\n" in request
    assert request.endswith('{"id":12,"phone":79261234578,"text":"Привет"}'.encode())


def test_a_text_cannot_break_out_of_its_place() -> None:
    nasty = '"}\r\nX-Evil: 1\r\n&a=b/../{id}'
    body = '{"message": "<{text}>", "n": "{id_text}"}'
    request = on_the_wire(nasty, body=body, path="/{text}", headers='{"X-Text": "{text}"}')
    assert rb'{"message":"<\"}\r\nX-Evil: 1\r\n&a=b/../{id}>","n":"12"}' in request
    assert b"\r\nX-Evil" not in request
    assert request.startswith(b"POST /%22%7D%0D%0AX-Evil%3A%201%0D%0A%26a%3Db%2F..%2F%7Bid%7D HTTP")


def test_a_query_string_alone_is_enough() -> None:
    request = on_the_wire(
        "a b&c",
        method="GET",
        path="/cgi-bin/sendsms",
        query="to={phone_number}&text={text}&coding=2&charset=UTF-8&validity={validity_seconds}",
    )
    line = request.split(b"\r\n")[0]
    assert line.startswith(b"GET /cgi-bin/sendsms?to=79261234578&text=a+b%26c&coding=2&")
    assert request.endswith(b"\r\n\r\n")


def test_the_validity_is_never_nothing_which_is_the_gateways_own_default() -> None:
    """Less than a second before the end a message may still leave."""
    query = "seconds={validity_seconds}&minutes={validity_minutes}"
    request = on_the_wire(valid_for=5.5, method="GET", path="/", query=query)
    assert request.startswith(b"GET /?seconds=1&minutes=1 HTTP")


def test_a_header_of_an_option_takes_the_place_of_ours() -> None:
    request = on_the_wire(headers='{"content-type": "application/vnd.sms+json"}')
    assert b"Content-Type: application/vnd.sms+json\r\n" in request
    assert request.lower().count(b"content-type") == 1


def test_a_form_with_basic_authorization() -> None:
    request = on_the_wire(
        token="", username="us", password="geheim", body_format="form",
        body="to={phone_number}&sms={text}&from={sender}", sender="Vestnik",
    )  # fmt: skip
    assert b"Authorization: Basic dXM6Z2VoZWlt\r\n" in request
    assert request.endswith(b"to=79261234578&sms=%D0%9F%D1%80%D0%B8%D0%B2%D0%B5%D1%82&from=Vestnik")


@pytest.mark.parametrize(
    ("answer", "options", "expected"),
    [
        (http(b'{"code":0,"message":"OK"}'), {}, Accepted()),
        (
            http(b'{"code":0,"data":[{"id":77}]}'),
            {"id_path": "data.0.id"},
            Accepted("77"),
        ),
        (
            http(b'Success "07033084-5cfd"'),
            {"code_path": "", "id_regex": 'Success "([^"]+)"'},
            Accepted("07033084-5cfd"),
        ),
        (
            http(b"3: Queued for later delivery", "202 Accepted"),
            {"code_regex": r"^(\d+):", "success_codes": "0,3"},
            Accepted(),
        ),
        (http(b"", "204 No Content"), {"code_path": ""}, Accepted()),
        (http(b'{"code":7,"message":"bad number"}'), {}, Rejected("7", "bad number")),
        (
            http(b'{"code":7,"message":"later"}'),
            {"temporary_codes": "7"},
            Deferred("7: later"),
        ),
        (http(b'{"code":7}'), {"other_codes": "ambiguous"}, Unknown("7")),
        (http(b'{"code":20102}'), {"success_codes": "0,20102"}, Accepted()),
        (http(b"{}", "400 Bad Request"), {}, Rejected("HTTP 400", "refused by the gateway")),
        (
            http(b"{}", "429 Too Many Requests", "Retry-After: 7"),
            {},
            Deferred("HTTP 429", 7.0, provider_wide=True),
        ),
        (
            http(b"{}", "429 No", "Retry-After: Mon, 01 Jan 99999999999 00:00:00 GMT"),
            {},
            Deferred("HTTP 429", 1.0, provider_wide=True),
        ),
        (
            http(
                b"{}",
                "429 No",
                "Retry-After: Mon, 01 Jan 2024 00:00:09 GMT",
                "Date: Mon, 01 Jan 2024 00:00:00 GMT",
            ),
            {},
            Deferred("HTTP 429", 9.0, provider_wide=True),
        ),
        (
            http(b'Error "User throughput exceeded"', "403 Forbidden"),
            {"code_regex": 'Error "([^"]+)"', "temporary_codes": "User throughput exceeded"},
            Deferred("User throughput exceeded"),
        ),
        (
            http(b'{"message":"expired"}', "401 Unauthorized"),
            {},
            account_refused("401: expired"),
        ),
        (http(b"", "503 Service Unavailable", "Retry-After: 5"), {}, Unknown("HTTP 503")),
        (
            http(b"", "503 Service Unavailable", "Retry-After: 5"),
            {"temporary_statuses": "429,503"},
            Deferred("HTTP 503", 5.0),
        ),
        (http(b'{"code":0}', "500 Internal Server Error"), {}, Unknown("0")),
        (http(b'{"code":0}', "409 Conflict"), {}, Unknown("0")),
    ],
)
def test_answers_mean_what_is_configured(
    answer: bytes, options: dict[str, str], expected: object
) -> None:
    assert outcome_of(answer, **options) == expected


def test_a_refused_account_defers_everything_until_it_works_again() -> None:
    async def test() -> None:
        async with Sandbox(token="right") as sandbox:
            wrong = HttpGatewayProvider("main", {"url": sandbox.url, "token": "wrong"})
            async with opened(wrong) as connection:
                (outcome,) = await connection.hand_over_all([outgoing()])
                assert isinstance(outcome, Deferred)
                assert (outcome.account, outcome.provider_wide) == ("certainly", True)
                assert "account" in outcome.reason
            mended = HttpGatewayProvider("main", {"url": sandbox.url, "token": "right"})
            async with opened(mended) as connection:
                (outcome,) = await connection.hand_over_all([outgoing()])
                assert isinstance(outcome, Accepted)

    run(test)
