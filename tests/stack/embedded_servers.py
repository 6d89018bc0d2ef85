"""The embedded PostgreSQL and Valkey, for tests that need no whole stack."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import psycopg

from vestnik.stack import home as homes
from vestnik.stack import runtime_dir
from vestnik.stack.processes.process import Program
from vestnik.stack.servers.data_folder import OWNER
from vestnik.stack.servers.postgres import USER, Postgres
from vestnik.stack.servers.valkey import Valkey

SECONDS = 30.0
#: The address of another PostgreSQL for tests without a stack; its role must be able to create
#: databases.
DATABASE = "TEST_DATABASE_URL"
#: Bytes for the data of tests and a write-ahead log of an eighth of it.
ROOM = 4 << 30
#: A file system in memory.
MEMORY = Path("/dev/shm")  # noqa: S108  (each folder in it is private)
PREFIX = "vestnik-tests-"


class Servers(ExitStack):
    """Run both servers in a home of their own, which is deleted afterwards.

    With TEST_DATABASE_URL, that PostgreSQL is used, and the embedded one is not started. With
    `data`, a folder that `save` has filled, the server starts with these data.
    """

    def __init__(self, data: Path | None = None) -> None:
        super().__init__()
        folder = tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=_in_memory())
        if data is not None:
            copy_folder(data, Path(folder))
        self.home = homes.open_home(Path(folder))
        self.callback(shutil.rmtree, self.home.path)
        private_dir = runtime_dir.RuntimeDir(self.home.path, runtime_dir.lowered_uid())
        self.callback(private_dir.remove)
        passwords = homes.keep_secrets(self.home)
        self.postgres = Postgres(self.home, private_dir, passwords)
        self.valkey = Valkey(self.home, private_dir, passwords["broker"])

    def start(self) -> "Servers":
        """Return once both are ready."""
        servers = [self.valkey] if os.environ.get(DATABASE) else [self.postgres, self.valkey]
        for server in servers:
            server.prepare()
            self.run(server.program())
        for server in servers:
            wait_until(server.is_ready, SECONDS)
        return self

    def save(self, folder: Path) -> None:
        """Copy the data of the PostgreSQL, which has stopped, and the passwords to it."""
        copy_folder(self.home.postgres, folder / self.home.postgres.name)
        shutil.copy(self.home.secrets, folder)

    def run(self, program: Program) -> None:
        """Start a server, and stop it at the end of the block."""
        with open(self.home.path / f"{program.name}.log", "ab") as log:
            process = program.spawn(output=log.fileno())
        self.callback(process.wait)
        self.callback(process.send_signal, program.stop_signal)

    def hurry(self) -> None:
        """Have new sessions detect deadlocks soon, and commit without waiting for the disk."""
        url = self.postgres.url_for(OWNER, self.postgres.passwords["database_owner"], "postgres")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"ALTER ROLE {USER} SET deadlock_timeout = '50ms'")
            connection.execute(f"ALTER ROLE {USER} SET synchronous_commit = off")

    def environ(self) -> dict[str, str]:
        """Return the environment with the addresses of the servers."""
        url = os.environ.get(DATABASE) or self.postgres.url
        return {"DATABASE_URL": url, "REDIS_URL": self.valkey.url}


def copy_folder(source: Path, target: Path) -> None:
    """Copy a folder with owners and modes, which the servers check."""
    target.mkdir(exist_ok=True)
    subprocess.run(["cp", "-a", f"{source}/.", target], check=True)


def _in_memory(folder: Path = MEMORY) -> Path | None:
    """Return a folder in memory if it has enough space, otherwise the default folder."""
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        return None
    for left in folder.glob(f"{PREFIX}*"):  # by processes that were killed
        if not Path(f"/proc/{left.name.split('-')[2]}").exists():
            shutil.rmtree(left, ignore_errors=True)
    return folder if shutil.disk_usage(folder).free > ROOM else None


def wait_until(condition: Callable[[], object], seconds: float) -> None:
    """Return when the condition holds. Raises TimeoutError if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {condition}")
        time.sleep(0.02)


def without_servers(environ: dict[str, str] | os._Environ[str] = os.environ) -> dict[str, str]:
    """Return an environment without any setting of Vestnik."""
    ours = ("VESTNIK_", "SMS_PROVIDER_", "DATABASE_URL", "REDIS_URL", "SECRET_KEY", "MAKE")
    ours += ("PYTHONDONTWRITEBYTECODE",)  # otherwise each start would compile every module
    return {name: value for name, value in environ.items() if not name.startswith(ours)}
