"""The sandbox gateway as its users have it: a command, a control API, a list of what it took."""

import asyncio
import json
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.gateways.builders import Heap, flight, opened, outgoing, run, until
from tests.gateways.servers import http, read_request, serving
from vestnik.providers.base import Accepted, Connection, Outcome, Unknown
from vestnik.providers.http_gateway import HttpGatewayProvider
from vestnik.sandbox.behaviour import Action, Behaviour
from vestnik.sandbox.gateway import Sandbox
from vestnik.sandbox.ledger import read


@asynccontextmanager
async def standing(**options: Any) -> AsyncIterator[tuple[Sandbox, Connection[Any]]]:
    async with Sandbox(**options) as sandbox:
        provider = HttpGatewayProvider("main", {"url": sandbox.url, "deadline": "2"})
        async with opened(provider) as connection:
            yield sandbox, connection


async def control(sandbox: Sandbox, method: str, path: str = "", body: Any = None) -> Any:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"{sandbox.url}/control{path}", json=body) as answer,
    ):
        return answer.status, await answer.json()


def test_the_control_api_changes_what_happens_next() -> None:
    async def test() -> None:
        async with standing() as (sandbox, connection):
            wish = {"once": ["refuse", "accept"], "percent": {"throttle": 100}, "delay": 0.01}
            assert (await control(sandbox, "POST", "/behaviour", wish))[0] == 200
            kinds = [
                type((await connection.hand_over_all([message]))[0]).__name__
                for message in flight(3)
            ]
            assert kinds == ["Rejected", "Accepted", "Deferred"]
            _, state = await control(sandbox, "GET")
            assert (state["taken"], state["doubled"], state["requests"]) == (1, 0, 3)
            _, messages = await control(sandbox, "GET", "/messages?after=0")
            assert [message["phone_number"] for message in messages] == ["79261234568"]
            assert await control(sandbox, "DELETE", "/messages") == (200, {"taken": 0})

    run(test)


def test_the_control_api_refuses_what_it_does_not_know() -> None:
    async def test() -> None:
        async with Sandbox() as sandbox:
            assert (await control(sandbox, "POST", "/behaviour", {"colour": 1}))[0] == 400
            assert (await control(sandbox, "POST", "/behaviour", {"once": ["dance"]}))[0] == 400
            assert (await control(sandbox, "GET", "/nothing"))[0] == 404

    run(test)


def test_chance_is_as_set_and_the_same_for_the_same_seed() -> None:
    def acts(seed: int) -> list[Action]:
        behaviour = Behaviour(percent={Action.THROTTLE: 10, Action.TAKE_AND_DROP: 5}, seed=seed)
        return [behaviour.act() for _ in range(10_000)]

    first = acts(1)
    assert first == acts(1)
    assert first != acts(2)
    assert 900 < first.count(Action.THROTTLE) < 1100
    assert 430 < first.count(Action.TAKE_AND_DROP) < 570


def test_a_gateway_that_deduplicates_takes_each_id_once() -> None:
    async def test() -> None:
        behaviour = Behaviour(deduplicates=True, once=deque([Action.TAKE_AND_DROP]))
        async with standing(behaviour=behaviour) as (sandbox, connection):
            assert isinstance((await connection.hand_over_all([outgoing(1)]))[0], Unknown)
            assert (await connection.hand_over_all([outgoing(1)])) == [Accepted()]
            assert len(sandbox.ledger.taken) == 1

    run(test)


def test_the_list_outlives_the_gateway(tmp_path: Path) -> None:
    path = tmp_path / "taken.jsonl"

    async def test() -> None:
        for number in (1, 2):
            async with standing(ledger_path=path) as (sandbox, connection):
                await connection.hand_over_all([outgoing(number)])
                assert len(sandbox.ledger.taken) == number
            sandbox.ledger.close()
        with path.open("a") as file:
            file.write('{"cut short')
        assert [taken.message_id for taken in read(path)] == [1, 2]
        async with standing(ledger_path=path) as (sandbox, connection):
            await connection.hand_over_all([outgoing(3)])
        sandbox.ledger.close()
        assert [taken.message_id for taken in read(path)] == [1, 2, 3]

    run(test)


def test_receipts_and_texts_come_by_callback() -> None:
    notices: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            request = await read_request(reader)
            notices.append(request.split(b"\r\n\r\n", 1)[1])
            writer.write(http(b"OK"))

    async def test() -> None:
        async with serving(talk) as port:
            behaviour = Behaviour(
                receipts=True, receipts_doubled=100, callback_url=f"http://127.0.0.1:{port}/"
            )
            async with standing(behaviour=behaviour) as (sandbox, connection):
                await connection.hand_over_all([outgoing(7)])
                await until(lambda: len(notices) == 2)
                await control(
                    sandbox, "POST", "/inbound", {"phone_number": "79261234567", "text": "СТОП"}
                )
                await until(lambda: len(notices) == 3)
        receipt, again, text = map(json.loads, notices)
        assert receipt == again
        assert (receipt["id"], receipt["status"]) == (7, "delivered")
        assert text == {"phone": "79261234567", "text": "СТОП"}

    run(test)


def test_the_command_serves_until_it_is_interrupted(tmp_path: Path) -> None:
    async def test() -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "vestnik.sandbox", "--http-port=0", "--smpp-port=0"),
            *(f"--ledger={tmp_path / 'l'}", "--throttle=1", "--token=t"),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        url = line.split()[2].rstrip(",")
        provider = HttpGatewayProvider("main", {"url": url, "token": "t"})
        async with opened(provider, Heap()) as connection:
            outcomes: list[Outcome | None] = await connection.hand_over_all(flight(20))
        assert sum(isinstance(outcome, Accepted) for outcome in outcomes) >= 15
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 10) == 0

    run(test)
