"""`vestnik up`: starts the whole stack in order and runs it until it is stopped."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from vestnik import env
from vestnik.stack import home as homes
from vestnik.stack import owner, runtime_dir
from vestnik.stack.console import Console
from vestnik.stack.errors import Interrupted, StackError
from vestnik.stack.home import Home
from vestnik.stack.processes import linux
from vestnik.stack.processes.process import Process, Program
from vestnik.stack.processes.supervisor import FORK_SERVER, EndedEarly, Supervisor
from vestnik.stack.servers.postgres import Postgres
from vestnik.stack.servers.valkey import LOOPBACK, Valkey, is_free
from vestnik.variables import PROVIDER_PREFIX

#: The explanation of steps that may take long at a start.
WORK = {
    "postgres": "it recovers after a crash, which may take minutes; do not interrupt it",
    "valkey": "it loads its data; do not interrupt it",
    "setup": "it migrates the database to this version; do not interrupt it",
}
#: Seconds for all services to become ready.
SECONDS_TO_SERVE = 60.0
#: Seconds for the remaining output at the end.
SECONDS_TO_PRINT = 0.5
#: Seconds that `setup` waits for a database of DATABASE_URL.
SECONDS_FOR_YOUR_DATABASE = "5"
#: Seconds to wait for the port of a killed stack.
PORT_TIMEOUT = 2.0
#: Connections of a worker's periodic jobs: one for the thread of each.
CONNECTIONS_OF_JOBS = 6


def up(*, demo: bool) -> None:
    """Run the stack. Raises StackError, with nothing left running, if it cannot."""
    with owner.locked_home() as home:
        Stack(home, demo=demo).run()


class Stack:
    """The servers and the processes that use them."""

    def __init__(self, home: Home, *, demo: bool) -> None:
        self.home = home
        self.demo = demo and not demo_could_reach_clients()
        self.port = env.number("VESTNIK_PORT", 8000)
        self.address = f"http://{LOOPBACK}:{self.port}"
        self.environ = dict(os.environ)
        self.servers = contextlib.ExitStack()
        colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self.console = Console(1, colour=colour, on_loss=self._dismiss)
        self.supervisor = Supervisor(self.console, on_change=self._record)

    def run(self) -> None:
        """Start everything, wait for the stop signal, stop everything."""
        self.supervisor.install_signal_handlers()
        try:
            self._start()
            self.supervisor.watch()
        except Interrupted:
            pass
        except EndedEarly as end:
            raise self._explain(end) from end
        finally:
            self.console.say("stopping")
            self.supervisor.stop()
            self.servers.close()
            self.home.state.unlink(missing_ok=True)
            self.console.say(f"stopped; the data is kept in {self.home.path}")
            self.console.close(SECONDS_TO_PRINT)

    def _start(self) -> None:
        began = time.monotonic()
        self._remove_leftovers()
        check_port(self.port)
        homes.check_room(self.home)
        self.environ |= self._own_environ(homes.keep_secrets(self.home))
        known = _modified(self.home)
        self._start_servers()
        news = self.home.credentials.read_text() if _modified(self.home) != known else ""
        self._start_services()
        self._greet(time.monotonic() - began, news)

    def _own_environ(self, kept: Mapping[str, str]) -> dict[str, str]:
        self.kept = kept
        return {
            "DATABASE_URL": env.database_url(),
            "REDIS_URL": env.redis_url(),
            "VESTNIK_HOME": str(self.home.path),
            "VESTNIK_PORT": str(self.port),
            "SECRET_KEY": env.text("SECRET_KEY") or kept["secret_key"],
            "PYTHONUNBUFFERED": "1",
        }

    def _remove_leftovers(self) -> None:
        """Remove the files of a killed supervisor."""
        runtime_dir.remove_leftovers(self.home.path)
        self.home.state.unlink(missing_ok=True)

    def _start_servers(self) -> None:
        """Start the servers in parallel, then run the setup."""
        servers = [*self._start_postgres(), *self._start_valkey()]
        forks = self._start_fork_server()
        for process, is_ready in servers:
            self.supervisor.wait_ready(process, is_ready, WORK[process.name])
        self.supervisor.wait_or_do_without(*forks, SECONDS_TO_SERVE)
        words = ["--demo"] if self.demo else []
        program = self._program("setup", "setup", "--wait", SECONDS_FOR_YOUR_DATABASE, *words)
        setup = self.supervisor.start(program, lasting=False)
        self.supervisor.wait_done(setup, WORK["setup"])

    @cached_property
    def runtime_dir(self) -> runtime_dir.RuntimeDir:
        """Return the folder of the embedded servers' sockets."""
        uid = -1 if env.database_url() else runtime_dir.lowered_uid()
        folder = runtime_dir.RuntimeDir(self.home.path, uid)
        self.servers.callback(folder.remove)
        return folder

    def _start_postgres(self) -> Iterator[tuple[Process, Callable[[], bool]]]:
        if env.database_url():
            return
        self.postgres = Postgres(
            self.home, self.runtime_dir, dict(self.kept), connections=connections()
        )
        self.postgres.prepare()
        self.environ["DATABASE_URL"] = self.postgres.url
        yield self.supervisor.start(self.postgres.program(), lasting=False), self.postgres.is_ready

    def _start_valkey(self) -> Iterator[tuple[Process, Callable[[], bool]]]:
        if env.redis_url():
            return
        self.valkey = Valkey(self.home, self.runtime_dir, self.kept["broker"])
        self.valkey.prepare()
        self.environ["REDIS_URL"] = self.valkey.url
        yield self.supervisor.start(self.valkey.program(), lasting=False), self.valkey.is_ready

    def _start_fork_server(self) -> tuple[Process, Callable[[], bool]]:
        server = self.supervisor.start(self._program(FORK_SERVER, FORK_SERVER), lasting=False)
        return server, lambda: server.ready_at is not None

    def _start_services(self) -> None:
        """Start web and workers. Each worker runs the scheduler, so it needs no process."""
        self.supervisor.start(self._program("web", "web"))
        for number in range(1, worker_processes() + 1):
            self.supervisor.start(self._program(f"worker.{number}", "worker"))
        self.supervisor.wait_for_services(SECONDS_TO_SERVE)

    def _program(self, name: str, *words: str) -> Program:
        argv = [sys.executable, "-m", "vestnik", *words]
        environ = self.environ | self.supervisor.environ_for(name)
        return Program(name, argv, environ, arguments=() if name == FORK_SERVER else words)

    def _greet(self, seconds: float, news: str) -> None:
        say = self.console.say
        if news:
            say("first account and API key, shown this once:")
            for line in news.splitlines():
                say(f"    {line}")
        if self.home.credentials.exists():
            say(f"credentials: {self.home.credentials}")
        say(f"ready in {seconds:.1f} s: {self.address} (API: {self.address}/docs/)")
        say("Ctrl-C stops everything; the data is kept")

    def _record(self) -> None:
        """Write the running processes and their addresses into the home, for other commands."""
        state: dict[str, Any] = {
            "pid": os.getpid(),
            "address": self.address,
            "environ": {name: self.environ.get(name, "") for name in SHARED},
            "processes": self.supervisor.pids(),
            "ready": self.supervisor.ready(),
        }
        with contextlib.suppress(StackError):  # a full disk must not stop the supervisor
            homes.write_private(self.home.state, state, lasting=False)

    def _explain(self, end: EndedEarly) -> Exception:
        lines = self.console.tail(end.process.name)
        if end.process.name == "postgres":
            return self.postgres.trouble(lines)
        if end.process.name == "valkey":
            return self.valkey.trouble(lines)
        line = lines[-1].removeprefix("vestnik: ") if lines else str(end)
        return (ImproperlyConfigured if end.process.status == 2 else StackError)(line)

    def _dismiss(self) -> None:
        self.supervisor.request_stop()


def connections() -> int:
    """Return the number of connections that all processes may hold, plus some for commands."""
    processes = worker_processes() + env.number("WEB_CONCURRENCY", 2) + 1
    jobs = worker_processes() * CONNECTIONS_OF_JOBS
    return max(200, processes * env.number("DATABASE_POOL_SIZE", 20) + jobs + 20)


def worker_processes() -> int:
    """Return the configured number of workers, or one for each core."""
    return env.number("VESTNIK_WORKERS", linux.cores())


SHARED = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY")


def demo_could_reach_clients() -> bool:
    """Return whether a real provider is configured: a demo never uses one."""
    configured = any(name.startswith(PROVIDER_PREFIX) for name in os.environ)
    return configured or bool(env.database_url()) or bool(env.redis_url())


def check_port(port: int) -> None:
    """Raise StackError if the port is in use. The port of a killed stack is free within a
    moment."""
    deadline = time.monotonic() + PORT_TIMEOUT
    while not is_free(port):
        if time.monotonic() > deadline:
            raise StackError(
                f"port {port} is used by another program: end that program, or choose another "
                f"port, for example VESTNIK_PORT={port + 1}"
            )
        time.sleep(0.1)


def _modified(home: Home) -> int:
    try:
        return home.credentials.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
