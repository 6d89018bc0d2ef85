"""Tokens that a gateway revokes: what messages and status queries with the old one become."""

import asyncio
import json
from typing import Any

import pytest

from tests.gateways.builders import opened, outgoing, run, until
from tests.gateways.servers import Talk, http, read_request, serving
from tests.providers.test_http_gateway import gateway
from vestnik.providers.base import (
    Accepted,
    Deferred,
    Receipt,
    StatusQuery,
    Unknown,
    account_refused,
)
from vestnik.providers.http import connections, tokens
from vestnik.providers.http_gateway import NEXT_TOKEN, HttpGatewayProvider
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason


class TokenGateway:
    """Takes only the token that it issued last."""

    def __init__(self, *issued: str) -> None:
        self._next, self.valid, self.refused = list(issued), "", 0

    @property
    def talk(self) -> Talk:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                writer.write(self._answer(await read_request(reader)))

        return talk

    def revoke(self) -> None:
        self.valid = ""

    def _answer(self, request: bytes) -> bytes:
        if request.startswith(b"POST /token "):
            self.valid = self._next.pop(0)
            return http(json.dumps({"access_token": self.valid}).encode())
        if self.valid and b"Authorization: Bearer %s\r\n" % self.valid.encode() in request:
            return http(b'{"code":0,"status":"delivered"}')
        self.refused += 1
        return http(b"{}", "401 Unauthorized")


def provider(port: int, **options: Any) -> HttpGatewayProvider:
    token_url = f"http://127.0.0.1:{port}/token"
    account = {"token": "", "username": "u", "password": "p", "token_url": token_url}
    return gateway(port, **account, status_path="/status/{id}", **options)


EXPIRED = Deferred(Reason(Code.TOKEN_EXPIRED), NEXT_TOKEN, provider_wide=True)


def test_an_old_token_that_waited_for_its_connection_is_not_the_accounts_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It leaves after the next token was fetched, and was built before."""
    create = connections.aiohttp.TCPConnector._create_connection

    async def test() -> None:
        far = asyncio.Event()

        async def slowly(*args: Any) -> object:
            await far.wait()
            return await create(*args)

        vendor = TokenGateway("first", "second")
        async with serving(vendor.talk) as port, opened(provider(port)) as connection:
            assert await connection.hand_over_all([outgoing(1)]) == [Accepted()]
            vendor.revoke()
            monkeypatch.setattr(tokens, "FRESH", 0.0)  # the first is not fresh any more
            monkeypatch.setattr(connections.aiohttp.TCPConnector, "_create_connection", slowly)
            handing = asyncio.create_task(connection.hand_over_all([outgoing(2), outgoing(3)]))
            await until(lambda: vendor.refused == 1, within=15)
            monkeypatch.setattr(tokens, "FRESH", 60.0)
            assert await connection.hand_over_all([outgoing(4)]) == [Accepted()]
            far.set()
            assert await handing == [EXPIRED, EXPIRED]

    run(test)


def test_a_token_that_is_refused_for_a_status_query_is_fetched_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When nothing is sent any more, receipts by query must not wait for the token's end."""
    monkeypatch.setattr(tokens, "FRESH", 0.0)

    async def test() -> None:
        vendor = TokenGateway("first", "second")
        async with serving(vendor.talk) as port, opened(provider(port)) as connection:
            assert await connection.hand_over_all([outgoing(1)]) == [Accepted()]
            vendor.revoke()
            query = StatusQuery(1, "79261234567")
            (first,) = await connection.ask([query])
            (second,) = await connection.ask([query])
        assert isinstance(first, Unknown)
        assert isinstance(second, Receipt)

    run(test)


@pytest.mark.parametrize("token", ["two\nlines", "a\x00b", " \t"])
def test_a_token_that_no_header_can_carry_is_none(token: str) -> None:
    async def test() -> None:
        vendor = TokenGateway(token)
        async with (
            serving(vendor.talk) as port,
            opened(provider(port, method="GET")) as connection,
        ):
            (outcome,) = await connection.hand_over_all([outgoing(1)])
        assert outcome == account_refused("200", reason="no token is given")

    run(test)
