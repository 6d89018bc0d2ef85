"""Events that the gateway sends: receipts (late or doubled on request) and texts from clients."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

import aiohttp

from vestnik import jitter
from vestnik.sandbox.ledger import LedgerEntry

if TYPE_CHECKING:
    from vestnik.sandbox.gateway import Sandbox
    from vestnik.sandbox.smpp_parts import Submitted
    from vestnik.sandbox.smpp_server import Session

WORDS = {True: ("UNDELIV", "027"), False: ("DELIVRD", "000")}


class Receipts:
    """Sends receipts as the behaviour is set, by callback or by `deliver_sm`."""

    def __init__(self, sandbox: "Sandbox") -> None:
        self._sandbox = sandbox
        self._tasks: set[asyncio.Task[None]] = set()
        self._http: aiohttp.ClientSession | None = None
        self.refused = 0

    def by_callback(self, entry: LedgerEntry) -> None:
        behaviour = self._sandbox.behaviour
        if behaviour.receipts and behaviour.callback_url:
            status = "undelivered" if behaviour.happens(behaviour.undelivered) else "delivered"
            notice = {"id": entry.message_id, "provider_id": entry.provider_id, "status": status}
            self._send(lambda: self._post(notice))

    def by_smpp(self, session: "Session", submitted: "Submitted", provider_id: str) -> None:
        """Send the receipt of one part, on its session or on another one that listens."""
        behaviour = self._sandbox.behaviour
        if not behaviour.receipts or not submitted.registered:
            return
        number = str(int(provider_id, 16)) if behaviour.decimal_receipts else provider_id
        word, error = WORDS[behaviour.happens(behaviour.undelivered)]
        now = time.strftime("%y%m%d%H%M", time.gmtime())
        text = (
            f"id:{number} sub:001 dlvrd:001 submit date:{now} done date:{now} "
            f"stat:{word} err:{error} text:{submitted.text[:20]}"
        )
        self._send(lambda: self._sandbox.smpp.deliver_receipt(session, submitted, text))

    def inbound(self, phone_number: str, text: str) -> int:
        """Send a text from a client, by one SMPP session and by callback; return by how many
        ways."""
        listeners = self._sandbox.smpp.listeners()
        for session in listeners[:1]:
            self._start(self._sandbox.smpp.deliver_text(session, phone_number, text), 0)
        if not self._sandbox.behaviour.callback_url:
            return len(listeners[:1])
        self._start(self._post({"phone": phone_number, "text": text}), 0)
        return len(listeners[:1]) + 1

    @property
    def is_idle(self) -> bool:
        """Return whether nothing is still to be sent."""
        return not self._tasks

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._http is not None:
            await self._http.close()
            self._http = None

    def _send(self, deliver: Callable[[], Coroutine[Any, Any, None]]) -> None:
        behaviour = self._sandbox.behaviour
        delay = behaviour.receipt_delay * jitter.between(0.5, 1.5)
        for _ in range(2 if behaviour.happens(behaviour.receipts_doubled) else 1):
            self._start(deliver(), delay)

    def _start(self, delivery: Coroutine[Any, Any, None], delay: float) -> None:
        task = asyncio.create_task(_after(delay, delivery))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _post(self, notice: Mapping[str, object]) -> None:
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
        try:
            async with self._http.post(self._sandbox.behaviour.callback_url, json=notice) as answer:
                self.refused += answer.status != 200
        except (aiohttp.ClientError, TimeoutError):
            self.refused += 1


async def _after(delay: float, delivery: Coroutine[Any, Any, None]) -> None:
    try:
        if delay:
            await asyncio.sleep(delay)
        await delivery
    finally:
        delivery.close()
