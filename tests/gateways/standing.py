"""The sandbox gateway in a thread of the test's own, for tests that are not asynchronous."""

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Self

import uvloop

from vestnik.sandbox.behaviour import Behaviour
from vestnik.sandbox.gateway import Sandbox
from vestnik.sandbox.ledger import LedgerEntry


class Standing:
    """`with Standing() as gateway:` serves HTTP, and SMPP where asked; it can go down and up."""

    def __init__(
        self,
        *,
        smpp: bool = False,
        ledger: Path | None = None,
        host: str = "127.0.0.1",
        **wishes: Any,
    ) -> None:
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._behaviour = Behaviour()
        self._options = {"smpp_port": 0 if smpp else None, "ledger_path": ledger, "host": host}
        self.set(**wishes)

    def __enter__(self) -> Self:
        self._thread.start()
        self.sandbox = Sandbox(behaviour=self._behaviour, **self._options)
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self.sandbox.ledger.close()

    def set(self, **wishes: Any) -> None:
        """Change how it behaves from the next message on."""
        self._behaviour.change(wishes)

    def up(self) -> None:
        self._run(self.sandbox.start())

    def down(self) -> None:
        """As a crash: ports closed, lines cut."""
        self._run(self.sandbox.stop())

    def restart(self) -> None:
        self.down()
        self.up()

    def drop(self) -> None:
        """Cut the lines; new ones are served."""

        async def cut() -> None:
            self.sandbox.drop_connections()

        self._run(cut())

    def hear(self, phone_number: str, text: str) -> None:
        """A subscriber writes to us; it comes by SMPP where we are bound to hear it."""

        async def write() -> None:
            assert self.sandbox.receipts.inbound(phone_number, text)

        self._run(write())

    @property
    def url(self) -> str:
        return self.sandbox.url

    @property
    def taken(self) -> list[LedgerEntry]:
        """What it took so far: the judge."""
        return list(self.sandbox.ledger.taken)

    def doubled(self) -> list[str]:
        """The numbers that it took more than once."""
        return [phone for phone, times in self.times().items() if times > 1]

    def times(self) -> dict[str, int]:
        """How often it took each number."""
        return dict(self.sandbox.ledger.times_taken())

    def says_no_more(self) -> bool:
        """Whether all its receipts are out."""
        return self.sandbox.receipts.is_idle

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)
