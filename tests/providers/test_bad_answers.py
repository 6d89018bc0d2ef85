"""Ten kinds of bad answer, each with the outcome that the contract names for it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.gateways.builders import opened, outgoing, run, until_connected
from tests.gateways.servers import Talk, answering, certificate, http, serving
from vestnik.providers.base import Accepted, Deferred, Outcome, Rejected, Unknown
from vestnik.providers.http_gateway import HttpGatewayProvider

OK = b'{"code":0,"message":"OK"}'

BAD = {
    "empty": (answering(), Unknown),
    "HTML": (answering(http(b"<html>Welcome to nginx!</html>")), Unknown),
    "truncated JSON": (answering(http(b'{"code":0,"mess')), Unknown),
    "cut short of its length": (answering(http(OK, length=500)), Unknown),
    "the id of another message": (answering(http(b'{"code":0,"id":999}')), Unknown),
    "200 with an error inside": (answering(http(b'{"code":5,"message":"no"}')), Rejected),
    "10 MiB": (answering(http(b'{"code":0,"x":"' + b"x" * 10 * 2**20 + b'"}')), Unknown),
    "redirect": (answering(http(b"", "302 Found", "Location: http://127.0.0.1:1/")), Unknown),
    "slow drip": (answering(*(bytes([octet]) for octet in http(OK)), pause=0.05), Unknown),
    "not HTTP": (answering(b"\x00\x01\x02SSH-2.0\r\n\r\n"), Unknown),
}


def outcome(talk: Talk, **options: Any) -> Outcome | None:
    """What becomes of a message on a connection that is open."""
    found: list[Outcome | None] = []

    async def test() -> None:
        async with serving(talk) as port:
            given = {"url": f"http://127.0.0.1:{port}", **options}
            async with opened(HttpGatewayProvider("main", given)) as connection:
                await until_connected(connection)
                found.extend(await connection.hand_over_all([outgoing(5)]))

    run(test)
    return found[0]


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_answer_ends_as_the_contract_says(kind: str) -> None:
    talk, expected = BAD[kind]
    options = {"echo_path": "id"} if "id of another" in kind else {}
    options |= {"deadline": "0.3"} if kind == "slow drip" else {}
    assert type(outcome(talk, **options)) is expected


@pytest.mark.parametrize("given", [r"a\u0000", r"a\ud800", r"a\u001fb", " "])
def test_an_id_that_cannot_be_kept_is_none(given: str) -> None:
    body = b'{"code":0,"id":"%s"}' % given.encode()
    assert outcome(answering(http(body)), id_path="id") == Unknown("the answer has no id")


def test_an_id_is_kept_without_the_white_space_around_it() -> None:
    found = outcome(answering(http(b"OK 77\r\n")), code_path="", id_regex="OK (.*)")
    assert found == Accepted("77")


@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "429 Too Many Requests"])
def test_what_an_answer_says_can_be_kept(status: str) -> None:
    body = rb'{"code":"5\u0000\ud800","message":"\u001fno\u0000 \ud800"}'
    found = outcome(answering(http(body, status)))
    said = found.reason if isinstance(found, Deferred) else f"{found.code} {found.reason}"
    assert said.isprintable()
    assert "5" in said
    assert "no" in said


def test_a_closed_port_is_deferred() -> None:
    async def test() -> None:
        async with serving(answering()) as port:
            pass
        provider = HttpGatewayProvider("main", {"url": f"http://127.0.0.1:{port}"})
        async with opened(provider) as connection:
            message = outgoing()
            assert await connection.hand_over_all([message]) == [
                Deferred("no connection: Connection refused")
            ]
            assert message.departed_at is None

    run(test)


@pytest.mark.parametrize("trusted", [False, True])
def test_tls_that_does_not_verify_is_deferred(tmp_path: Path, trusted: bool) -> None:
    tls = certificate(tmp_path)
    options = {"ca_file": str(tmp_path / "cert.pem")} if trusted else {}

    async def test() -> None:
        async with serving(answering(http(OK)), tls) as port:
            given = {"url": f"https://127.0.0.1:{port}", **options}
            async with opened(HttpGatewayProvider("main", given)) as connection:
                (found,) = await connection.hand_over_all([outgoing()])
        expected = Accepted() if trusted else Deferred("the gateway's certificate is not trusted")
        assert found == expected

    run(test)


def test_a_reason_is_short_printable_and_hides_the_number() -> None:
    reason = "\x1b[31m number 79261234571 \n is bad " + "x" * 1000
    body = json.dumps({"code": 5, "message": reason}).encode()
    found = outcome(answering(http(body)))
    assert isinstance(found, Rejected)
    assert "79261234571" not in found.reason
    assert found.reason.isprintable()
    assert len(found.reason) <= 200
