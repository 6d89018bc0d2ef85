"""The whole embedded stack in one container of 512 MiB and one processor."""

import json
import os
import re
import sys
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.containers.engine import PYTHON, ROOT, Engine
from tests.stack.embedded_servers import wait_until
from tests.stack.memory import MIB, of_tree
from tests.stack.running import free_port

pytestmark = pytest.mark.timeout(600)
if "VESTNIK_CONTAINERS" not in os.environ:
    pytest.skip("run by `make containers`", allow_module_level=True)

CLIENTS = 2000


class SmallMachine:
    """A container that runs `vestnik up` of this checkout, and its API."""

    def __init__(self, engine: Engine, home: Path) -> None:
        self.engine, self.home, self.port = engine, home, free_port()
        self.name = f"{engine.project}-small"

    def start(self) -> None:
        places = {ROOT, Path(sys.prefix), Path(sys.base_prefix)}
        mounts = [f"--volume={place}:{place}:ro" for place in sorted(places)]
        self.engine.podman(
            "run", "--detach", f"--name={self.name}", "--init", "--network=host",
            "--memory=512m", "--memory-swap=512m", "--cpus=1", *mounts,
            f"--volume={self.home}:/home/stack", "--env=VESTNIK_HOME=/home/stack",
            f"--env=VESTNIK_PORT={self.port}", PYTHON,
            f"{sys.prefix}/bin/python", "-m", "vestnik", "up", "--no-demo",
        )  # fmt: skip
        wait_until(lambda: "| ready in" in self.log(), 120)

    def log(self) -> str:
        return self.engine.logs(self.name)

    def memory(self) -> int:
        return of_tree(int(self.engine.inspect(self.name)["State"]["Pid"]))

    def api(self, method: str, path: str, body: object = None) -> Any:
        key = dict(
            line.split("=", 1) for line in (self.home / "credentials").read_text().splitlines()
        )["api_key"]
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v1/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310  (our own)
            return json.loads(response.read())


@pytest.fixture(scope="module")
def machine(engine: Engine) -> Iterator[SmallMachine]:
    home = engine.folder / "small"
    home.mkdir()
    machine = SmallMachine(engine, home)
    try:
        machine.start()
        yield machine
    finally:
        engine.podman("rm", "--force", "--time=10", machine.name, check=False)


def test_at_rest_it_takes_at_most_300_mib(machine: SmallMachine) -> None:
    taken = machine.memory()
    print(f"the stack at rest takes {taken / MIB:.0f} MiB")
    assert taken <= 300 * MIB


def test_it_has_one_worker_for_the_one_processor(machine: SmallMachine) -> None:
    state = json.loads((machine.home / "stack.json").read_text())
    workers = [name for name in state["processes"] if name.startswith("worker.")]
    assert workers == ["worker.1"]


def test_a_mailing_goes_out_and_nothing_is_killed(machine: SmallMachine) -> None:
    numbers = [{"phone_number": f"7900{number:07}"} for number in range(CLIENTS)]
    machine.api("POST", "clients/bulk/", numbers)
    now = datetime.now(UTC)
    body = {
        "text": "From a small machine",
        "filter": {},
        "starts_at": now.isoformat(),
        "ends_at": (now + timedelta(hours=1)).isoformat(),
    }
    mailing = machine.api("POST", "mailings/", body)["id"]

    def finished() -> bool:
        return bool(machine.api("GET", f"mailings/{mailing}/")["state"] == "finished")

    wait_until(finished, 120)
    sent = re.findall(rf"SMS (\d+) mailing={mailing} ", machine.log())
    assert len(sent) == len(set(sent)) == CLIENTS
    assert "ended (" not in machine.log()
