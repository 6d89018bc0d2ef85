"""A vendor's status.php in a thread of its own, which records the requests."""

import asyncio
import threading
from typing import Self

from tests.gateways.servers import http, read_request, serving

ALLOWED = 4  # five open requests at once are refused
FOUND = b'{"status": %s, "last_timestamp": 1795500000, "err": 0}'


class Vendor:
    """Gives the same answer after `delay`, or at once after `hurry`, and counts open requests."""

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.status = "0"  # on its way
        self.open = self.most = 0
        self.asked: list[str] = []
        self.url = ""
        self._ready, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def hurry(self) -> None:
        """Answer the open requests now, and the next ones at once."""
        self._loop.call_soon_threadsafe(self._hurried.set)

    async def _serve(self) -> None:
        self._loop, self._hurried = asyncio.get_running_loop(), asyncio.Event()
        async with serving(self._talk) as port:
            self.url = f"http://127.0.0.1:{port}"
            self._ready.set()
            await asyncio.to_thread(self._over.wait)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await read_request(reader):
            self.open += 1
            self.most = max(self.most, self.open)
            self.asked.append(request.partition(b"&id=")[2].partition(b"&")[0].decode())
            try:
                if await self._hung_up(reader):
                    return
            finally:
                self.open -= 1
            writer.write(http(FOUND % self.status.encode()))
            await writer.drain()

    async def _hung_up(self, reader: asyncio.StreamReader) -> bool:
        """Return whether the client gave up before the answer."""
        hung_up = asyncio.ensure_future(reader.read(1))
        hurried = asyncio.ensure_future(self._hurried.wait())
        waiting = {hung_up, hurried}
        done, _ = await asyncio.wait(
            waiting, timeout=self.delay, return_when=asyncio.FIRST_COMPLETED
        )
        for each in waiting - done:
            each.cancel()
        await asyncio.wait(waiting)
        return hung_up in done
