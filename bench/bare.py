"""Bare clients of the libraries that the adapters use: without a database and without guarantees.

`python -m bench.bare http PORT COUNT` and `… smpp PORT COUNT` print messages per second.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable

import aiohttp
import smpp34
import uvloop

AT_ONCE = 100
TEXT = "Hello from the bench"
PHONE = 79261234567


async def http(port: int, count: int) -> float:
    connector = aiohttp.TCPConnector(limit=AT_ONCE)
    headers = {"Authorization": "Bearer bench"}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def send(number: int) -> None:
            body = {"id": number, "phone": PHONE, "text": TEXT}
            url = f"http://127.0.0.1:{port}/send/{number}"
            async with session.post(url, json=body) as response:
                answer = await response.json()
                assert answer["code"] == 0, answer

        return await _drive(send, count)


async def smpp(port: int, count: int) -> float:
    client = smpp34.Client(
        host="127.0.0.1",
        port=port,
        system_id="bench",
        password="bench",
        bind_type="TRX",
        window_size=AT_ONCE,
    )
    session = await client.connect()

    async def send(number: int) -> None:
        answer = await session.submit_sm(
            destination_addr=str(PHONE),
            source_addr="Vestnik",
            short_message=TEXT.encode(),
            source_addr_ton=5,
            dest_addr_ton=1,
            dest_addr_npi=1,
            validity_period="000001000000000R",
        )
        assert answer.is_success, answer

    rate = await _drive(send, count)
    await session.unbind()
    await client.stop()
    return rate


async def _drive(send: Callable[[int], Awaitable[None]], count: int) -> float:
    numbers = iter(range(1, count + 1))

    async def work() -> None:
        for number in numbers:
            await send(number)

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return count / (time.perf_counter() - began)


if __name__ == "__main__":
    what, port, count = sys.argv[1:]
    print(uvloop.run({"http": http, "smpp": smpp}[what](int(port), int(count))))
