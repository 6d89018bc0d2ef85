"""A vendor's status.php in a thread of its own, which records the requests."""

import asyncio
import contextlib
import threading
from typing import Self

from tests.gateways.servers import http, read_request, serving

ALLOWED = 4  # five open requests at once are refused
FOUND = b'{"status": %s, "last_timestamp": 1795500000, "err": 0}'


class Vendor:
    """Gives the same answer after `delay`, and counts open requests."""

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

    async def _serve(self) -> None:
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
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(reader.read(1), self.delay)
            return True
        return False
