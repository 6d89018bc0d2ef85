"""Vestnik as on several hosts: each process runs by itself, optionally with a clock of its own.

`clock.c` moves the wall clock of a process, and neither sleeps nor the monotonic clock. A separate
host is a network namespace, for which the test has to run as root.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import psycopg

from tests.stack.embedded_servers import wait_until
from tests.stack.running import RunningStack, free_port
from vestnik.stack import home as homes
from vestnik.stack import runtime_dir
from vestnik.stack.processes.process import Program
from vestnik.stack.servers.postgres import Postgres
from vestnik.stack.servers.valkey import Valkey

SOURCE = Path(__file__).with_name("clock.c")
#: Sessions name their process in `application_name`.
SESSIONS = """
SELECT DISTINCT split_part(application_name, ' ', -1)::int FROM pg_stat_activity
WHERE application_name LIKE 'vestnik %%'
"""
SECONDS_TO_START = 120.0
SECONDS_TO_STOP = 20.0


def compiled(folder: Path) -> Path:
    """`clock.c`, which moves the wall clock of a program. Needs a C compiler."""
    made = folder / "clock.so"
    if not made.exists():
        command = ["cc", "-shared", "-fPIC", "-O2", "-Wall", "-o", str(made), str(SOURCE)]
        subprocess.run(command, check=True)
    return made


@dataclass
class Clocks:
    """The offset of each process's clock in seconds, with its history."""

    folder: Path
    steps: dict[str, list[tuple[float, int]]] = field(default_factory=dict)

    def environ(self, name: str) -> dict[str, str]:
        """Return the environment that makes a process read that clock."""
        self.step(name, 0)
        return {
            "LD_PRELOAD": str(compiled(self.folder)),
            "CLOCK_FILE": str(self.folder / f"{name}.clock"),
        }

    def step(self, name: str, seconds: int) -> None:
        """Set a clock `seconds` ahead of the true one."""
        path = self.folder / f"{name}.clock"
        path.touch(mode=0o644)
        with path.open("r+b", buffering=0) as file:  # in place: programs have it mapped
            file.write((seconds * 10**9).to_bytes(8, sys.byteorder, signed=True))
        self.steps.setdefault(name, []).append((time.time(), seconds))

    def ahead(self, name: str, at: float) -> int:
        """Return the offset of the clock at a true instant."""
        before = [seconds for since, seconds in self.steps.get(name, ()) if since <= at]
        return before[-1] if before else 0

    def stepped_near(self, at: float, within: float) -> bool:
        """Return whether a clock was set at about that time."""
        return any(abs(since - at) < within for steps in self.steps.values() for since, _ in steps)


@dataclass(frozen=True)
class Host:
    """A separate host: a network namespace, connected by a pair of virtual Ethernet ports."""

    name: str
    network: str

    @property
    def near(self) -> str:
        """The address of our end."""
        return f"{self.network}.1"

    @property
    def far(self) -> str:
        return f"{self.network}.2"

    def vanish(self) -> None:
        """Drop all packets in both directions, without any notice."""
        ip("link", "set", f"{self.name}a", "down")

    @property
    def prefix(self) -> list[str]:
        """Run a command on that host."""
        return ["ip", "netns", "exec", self.name]


@contextmanager
def another_host() -> Iterator[Host]:
    """Run the deployment during the block."""
    number = random.randrange(1, 250)
    host = Host(f"vst{number}", f"10.231.{number}")
    ip("netns", "add", host.name)
    try:
        ip("link", "add", f"{host.name}a", "type", "veth", "peer", "name", f"{host.name}b")
        ip("link", "set", f"{host.name}b", "netns", host.name)
        ip("addr", "add", f"{host.near}/24", "dev", f"{host.name}a")
        ip("link", "set", f"{host.name}a", "up")
        for words in (
            ("addr", "add", f"{host.far}/24", "dev", f"{host.name}b"),
            ("link", "set", f"{host.name}b", "up"),
            ("link", "set", "lo", "up"),
        ):
            ip("-n", host.name, *words)
        yield host
    finally:
        with suppress(subprocess.CalledProcessError):
            ip("link", "del", f"{host.name}a")
        ip("netns", "del", host.name)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Deployment(RunningStack):
    """The interface of a running stack, for processes without a supervisor."""

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        clocks: bool = False,
        host: Host | None = None,
        broker_port: int = 0,
    ) -> None:
        super().__init__(port=free_port(), environ=environ)
        self.folder = Path(tempfile.mkdtemp(prefix="vestnik-clocks-"))
        self.folder.chmod(0o755)
        self.clocks = Clocks(self.folder) if clocks else None
        self.host = host
        #: A release that does not know the broker's socket reaches it by this port.
        self.broker_port = broker_port
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.closing = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._start_servers()
            self._start_processes()
        except BaseException as error:
            error.add_note(self.tail())
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for name in reversed(list(self.running)):  # the servers last
            self.end(name)
        self.closing.close()
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def pids(self) -> dict[str, int]:
        return {name: process.pid for name, process in self.running.items()}

    @property
    def database_url(self) -> str:
        return self.environ["DATABASE_URL"]

    @property
    def redis_url(self) -> str:
        return self.environ["REDIS_URL"]

    def tail(self) -> str:
        """Return the last lines of each log."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(
            f"{log.stem} | {line}"
            for log in logs
            for line in log.read_text(errors="replace").splitlines()[-8:]
        )

    def end(self, name: str) -> None:
        """Stop a process; kill it if it does not stop in time."""
        process = self.running.pop(name, None)
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGINT if name == "postgres" else signal.SIGTERM)
        try:
            process.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _start_servers(self) -> None:
        home = homes.open_home(self.home)
        private_dir = runtime_dir.RuntimeDir(home.path, runtime_dir.lowered_uid())
        self.closing.callback(private_dir.remove)
        passwords = homes.keep_secrets(home)
        postgres, valkey = Postgres(home, private_dir, passwords), Valkey(
            home, private_dir, passwords["broker"]
        )
        postgres.prepare()
        valkey.prepare()
        self._let_in(postgres)
        near = self.host.near if self.host else ""
        self._serve(postgres.program(), "-c", f"listen_addresses={near}")
        at = near or ("127.0.0.1" if self.broker_port else "")
        port = self.broker_port or 6379
        self._serve(valkey.program(), *(("--bind", at, "--port", str(port)) if at else ()))
        wait_until(postgres.is_ready, SECONDS_TO_START)
        wait_until(valkey.is_ready, SECONDS_TO_START)
        self.environ |= {
            "DATABASE_URL": postgres.url,
            "REDIS_URL": valkey.url,
            "SECRET_KEY": passwords["secret_key"],
        }
        broker = f"redis://:{passwords['broker']}@{at}:{port}/0"
        if self.broker_port:
            self.environ["REDIS_URL"] = broker
        self.remote = {
            "DATABASE_URL": postgres.url.replace("@/", f"@{near}:5432/").partition("?")[0],
            "REDIS_URL": broker,
        }

    def _let_in(self, postgres: Postgres) -> None:
        if self.host:
            with (postgres.folder / "pg_hba.conf").open("a") as rules:
                rules.write(f"host all all {self.host.far}/32 scram-sha-256\n")

    def _serve(self, program: Program, *words: str) -> None:
        # By `env`, which runs under the server's account.
        clock = [f"{name}={value}" for name, value in self._clock(program.name).items()]
        program = replace(program, argv=["/usr/bin/env", *clock, *program.argv, *words])
        with open(self.folder / f"{program.name}.log", "ab") as log:
            self.running[program.name] = program.spawn(output=log.fileno())

    def _start_processes(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "vestnik", "setup"],
            env=self.environ,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        self.run("web", "web")
        self.run("worker.1", "worker")
        if self.host:
            self.run("worker.2", "worker", prefix=self.host.prefix, environ=self.remote)
        else:
            self.run("worker.2", "worker")
        self.run("beat", "beat")
        wait_until(self._is_ready, SECONDS_TO_START)

    def run(
        self,
        name: str,
        *words: str,
        prefix: Sequence[str] = (),
        environ: Mapping[str, str] = {},
    ) -> None:
        """Start a process of Vestnik."""
        command = [*prefix, sys.executable, "-m", "vestnik", *words]
        self.spawn_as(name, command, {**environ, **self._clock(name)})

    def spawn_as(self, name: str, command: Sequence[str], environ: Mapping[str, str] = {}) -> None:
        """Start a command; its output goes to the log of that name."""
        with open(self.folder / f"{name}.log", "ab") as log:
            self.running[name] = subprocess.Popen(
                command,
                env={**self.environ, **environ},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _clock(self, name: str) -> dict[str, str]:
        return self.clocks.environ(name) if self.clocks else {}

    def _is_ready(self) -> bool:
        """Return whether the API answers, and both workers and the scheduler have sessions."""
        try:
            found = {pid for (pid,) in self.sql(SESSIONS)}
            wanted = {self.pids[name] for name in ("worker.1", "worker.2", "beat")}
            return wanted <= found and self.api("GET", "mailings/").status == 200
        except (OSError, psycopg.OperationalError):
            return False
