"""A real `vestnik up` for tests, with its own home and port, its console, and its processes by
name.

with RunningStack(workers=2) as stack: mailing = stack.api("POST", "mailings/", {"text": "…", …})
stack.wait_for_line("SMS ", seconds=5) stack.kill("worker.1")
"""

import atexit
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psycopg

from tests.prepared import SHARED, locked
from tests.stack.embedded_servers import copy_folder, wait_until, without_servers
from vestnik.stack.servers.valkey import is_free

CHUNK = 1 << 18
SECONDS_TO_START = 60.0
#: The promise is shorter, and is the subject of test_shutdown alone.
SECONDS_TO_STOP = 30.0
PORTS = range(12000, 19999)
PREFIX = re.compile(r"^(?:\x1b\[\d+m)?(\S+) *\| (?:\x1b\[0m)?")
MESSAGE = re.compile(
    r'^SMS (?P<phone>\d+) mailing=(?P<mailing>\d+) message=(?P<message>\d+) text="'
)


class Line(NamedTuple):
    """A line of the console, with the time at which it was read."""

    monotonic: float
    wall: float
    text: str

    @property
    def process(self) -> str:
        """The name of the line's process."""
        match = PREFIX.match(self.text)
        return match[1] if match else ""

    @property
    def words(self) -> str:
        """The line as the process wrote it."""
        return PREFIX.sub("", self.text)


class Sent(NamedTuple):
    """A message that the console provider printed."""

    line: Line
    phone: str
    mailing: int
    message: int


class Answer(NamedTuple):
    """A response of the API."""

    status: int
    body: Any


@cache
def prepared_home() -> Path:
    """Return a home on which a stack has run: a stack on a copy of it starts some seconds
    sooner.

    The first process of a run that needs it makes it for the others.
    """
    folder = Path(os.environ.get(SHARED) or tempfile.mkdtemp(prefix="vestnik-prepared-"))
    if SHARED not in os.environ:
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with locked(folder):
        if not (folder / "home").exists():
            with RunningStack(home=folder / "draft", workers=1):
                pass
            (folder / "draft").rename(folder / "home")
    return folder / "home"


class RunningStack:
    """A stack that runs from `start` to `stop`, or during a `with` block."""

    def __init__(
        self,
        *,
        home: Path | None = None,
        port: int | None = None,
        workers: int = 2,
        demo: bool = False,
        environ: Mapping[str, str] | None = None,
        command: tuple[str, ...] = (sys.executable, "-m", "vestnik", "up"),
    ) -> None:
        self.home = home or Path(tempfile.mkdtemp(prefix="vestnik-stack-"))
        self.own_home, self.demo = home is None, demo
        self.port = port or free_port()
        self.command = [*command, *(() if demo else ("--no-demo",))]
        self.environ = without_servers() | {
            "VESTNIK_HOME": str(self.home),
            "VESTNIK_PORT": str(self.port),
            "VESTNIK_WORKERS": str(workers),
            **(environ or {}),
        }
        self.lines: list[Line] = []
        self.errors = ""
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self.own_home:
            shutil.rmtree(self.home, ignore_errors=True)

    # --- start and stop ------------------------------------------------------------------------

    def start(self, seconds: float = SECONDS_TO_START) -> Self:
        """Start the stack and wait until it is ready."""
        if self.own_home and not self.demo and not any(self.home.iterdir()):
            copy_folder(prepared_home(), self.home)
        self.spawn()
        try:
            self.wait_for_line("| ready in", seconds)
        except TimeoutError as error:
            self.stop()
            raise AssertionError(f"not ready: {self.tail()}\n{self.errors}") from error
        return self

    def spawn(self) -> None:
        """Start the stack without waiting."""
        began = len(self.lines)
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environ,
            start_new_session=True,
        )
        self.readers = [
            threading.Thread(target=read, args=(self.process,), daemon=True)
            for read in (self._read_lines, self._read_errors)
        ]
        for reader in self.readers:
            reader.start()
        self.since = began

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Stop the stack in order. Fails if it takes too long."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.process.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired as error:
            self.process.kill()
            raise AssertionError(f"did not stop: {self.tail()}") from error
        for reader in self.readers:
            reader.join(SECONDS_TO_STOP)

    def wait_ended(self, seconds: float = SECONDS_TO_START) -> int:
        """Wait until the stack ends by itself; return the exit status."""
        assert self.process is not None
        status = self.process.wait(seconds)
        for reader in self.readers:
            reader.join(SECONDS_TO_STOP)
        return status

    # --- console -------------------------------------------------------------------------------

    def wait_for_line(self, text: str, seconds: float) -> Line:
        """Return the first line since the start with the text. Raises TimeoutError without one."""
        seen = self.since
        deadline = time.monotonic() + seconds
        while True:
            ended = not self.readers[0].is_alive()
            for line in self.lines[seen:]:
                seen += 1
                if text in line.text:
                    return line
            if ended or time.monotonic() > deadline:
                raise TimeoutError(f"no line with {text!r} within {seconds} s: {self.tail()}")
            time.sleep(0.005)

    def sent(self, mailing: int | None = None) -> Iterator[Sent]:
        """Yield the messages that the console provider has printed so far."""
        for line in tuple(self.lines):
            if match := MESSAGE.match(line.words):
                found = Sent(line, match["phone"], int(match["mailing"]), int(match["message"]))
                if mailing in (None, found.mailing):
                    yield found

    def tail(self) -> str:
        """Return the end of the console, for the report of a failure."""
        return "\n".join(line.text for line in self.lines[-30:])

    # --- parts ---------------------------------------------------------------------------------

    @property
    def state(self) -> dict[str, Any]:
        """The state file that other commands read."""
        state: dict[str, Any] = json.loads((self.home / "stack.json").read_text())
        return state

    @property
    def pids(self) -> dict[str, int]:
        """The process ids by name: postgres, valkey, web, worker.1 and so on."""
        pids: dict[str, int] = self.state["processes"]
        return pids

    @property
    def database_url(self) -> str:
        return str(self.state["environ"]["DATABASE_URL"])

    @property
    def redis_url(self) -> str:
        return str(self.state["environ"]["REDIS_URL"])

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def key(self) -> str:
        """The first API key."""
        kept = dict(
            line.split("=", 1) for line in (self.home / "credentials").read_text().splitlines()
        )
        return kept["api_key"]

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Signal a process; return its pid."""
        pid = self.pids[name]
        os.kill(pid, number)
        return pid

    def wait_reborn(self, name: str, old_pid: int, seconds: float = 10.0) -> int:
        """Wait until the process is restarted; return its new pid."""
        wait_until(lambda: self.pids.get(name, old_pid) != old_pid, seconds)
        return self.pids[name]

    def api(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """Send a request to the API as an administrator."""
        request = Request(  # noqa: S310  (our own address)
            f"{self.address}/api/v1/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.key}",
                "Content-Type": "application/json",
                **{name.replace("_", "-"): value for name, value in headers.items()},
            },
        )
        try:
            with urlopen(request, timeout=30) as response:  # noqa: S310  (our own address)
                return _answer(response.status, response.read())
        except HTTPError as error:
            with error:
                return _answer(error.code, error.read())

    def sql(self, query: str, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Run a query in the database."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            cursor = connection.execute(query, parameters)
            return cursor.fetchall() if cursor.description else []

    def vestnik(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `vestnik …` as from another terminal."""
        return subprocess.run(
            [sys.executable, "-m", "vestnik", *words],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def _read_lines(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        rest = b""
        while chunk := os.read(process.stdout.fileno(), CHUNK):
            now, wall = time.monotonic(), time.time()
            *whole, rest = (rest + chunk).split(b"\n")
            self.lines += [Line(now, wall, line.decode(errors="replace")) for line in whole]
        process.stdout.close()

    def _read_errors(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr is not None
        with process.stderr:
            self.errors = process.stderr.read().decode(errors="replace")


def _answer(status: int, content: bytes) -> Answer:
    return Answer(status, json.loads(content) if content else None)


def free_port() -> int:
    """Return a free port outside the range of outgoing connections."""
    return next(port for port in random.sample(PORTS, len(PORTS)) if is_free(port))
