"""SMPP with an SMSC that we did not write: the npm package `smpp`."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.gateways.builders import Heap, opened, outgoing, run, until
from vestnik.providers.base import Accepted
from vestnik.providers.smpp.provider import SmppProvider

HERE = Path(__file__).parent / "npm"
CYRILLIC = "Здравствуйте! Напоминаем о записи: ёлки, объём, съёмка — «завтра» в 10:30. " * 3
TEXTS = {
    "200 letters in Cyrillic": CYRILLIC[:200],
    "emoji on every edge": "😀" * 33 + "я" + "👩‍👩‍👧‍👦" * 20,
    "GSM with escapes on the edge": "a" * 152 + "€{}[]~^|\\" * 20,
    "short GSM": "Hello @ £5 & more_",
    "short emoji": "Привет 😀",
}


@pytest.fixture(scope="module")
def smsc_js() -> Path:
    """The server's script, with its package beside it."""
    if shutil.which("npm") is None:
        _missing("npm is not installed")
    if not (HERE / "node_modules" / "smpp").is_dir():
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=HERE, capture_output=True, timeout=120, check=False)
        if done.returncode:
            _missing("the npm package smpp cannot be installed")
    return HERE / "smsc.js"


def _missing(what: str) -> None:
    (pytest.fail if os.environ.get("CI") else pytest.skip)(what)


class ForeignSmsc:
    """The process, and what it said so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said: list[dict[str, Any]] = []

    async def listen(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.said.append(json.loads(line))

    def all(self, key: str) -> list[Any]:
        return [saying[key] for saying in self.said if key in saying]


@asynccontextmanager
async def foreign_smsc(script: Path) -> AsyncIterator[ForeignSmsc]:
    process = await asyncio.create_subprocess_exec("node", script, stdout=asyncio.subprocess.PIPE)
    smsc = ForeignSmsc(process)
    listening = asyncio.create_task(smsc.listen())
    try:
        await until(lambda: smsc.all("port"), within=20)
        yield smsc
    finally:
        process.kill()
        await process.wait()
        await listening


def provider(smsc: ForeignSmsc, **options: str) -> SmppProvider:
    given = {
        "host": "127.0.0.1",
        "port": str(smsc.all("port")[0]),
        "system_id": "vestnik",
        "password": "geheim",
        "sender": "Vestnik",
    }
    return SmppProvider("foreign", given | options)


@pytest.mark.parametrize("way", ["udh8", "udh16", "sar", "payload"])
def test_texts_arrive_to_the_letter(smsc_js: Path, way: str) -> None:
    async def test() -> None:
        async with (
            foreign_smsc(smsc_js) as smsc,
            opened(provider(smsc, long_messages=way, registered_delivery="0")) as smpp,
        ):
            flight = [outgoing(number, text) for number, text in enumerate(TEXTS.values(), 1)]
            outcomes = await smpp.hand_over_all(flight)
            assert all(isinstance(outcome, Accepted) for outcome in outcomes)
            await until(lambda: len(smsc.all("text")) == len(TEXTS))
            arrived = dict(zip(smsc.all("to"), smsc.all("text"), strict=True))
            assert arrived == {message.phone_number: message.text for message in flight}
            assert set(smsc.all("from")) == {"Vestnik"}

    run(test)


def test_it_binds_delivers_receipts_stays_alive_and_leaves(smsc_js: Path) -> None:
    async def test() -> None:
        sink = Heap()
        async with foreign_smsc(smsc_js) as smsc:
            options = {"answer_ids": "hex", "receipt_ids": "hex", "enquire_link": "0.2"}
            async with opened(provider(smsc, **options), sink) as smpp:
                (outcome,) = await smpp.hand_over_all([outgoing(1, TEXTS["short emoji"])])
                assert outcome == Accepted("1")
                await until(lambda: smsc.all("acknowledged") and smsc.all("enquired"))
                assert smsc.all("acknowledged") == [0]
                assert [receipt.provider_id for receipt in sink.receipts] == ["1"]
            await until(lambda: smsc.all("unbound"))
            (bound,) = [saying for saying in smsc.said if "bound" in saying]
            assert bound == {"bound": "vestnik", "password": "geheim", "version": 0x34}

    run(test)
