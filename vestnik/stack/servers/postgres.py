"""The embedded PostgreSQL: its program, its settings, its readiness."""

import shutil
import signal
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from vestnik.stack.errors import StackError
from vestnik.stack.home import MIB, Home
from vestnik.stack.processes import linux
from vestnik.stack.processes.process import Program, Stage, plain_environ
from vestnik.stack.runtime_dir import RuntimeDir
from vestnik.stack.servers.data_folder import HERE, OWNER, DataFolder

USER = DATABASE = "vestnik"
GIB = 1 << 30
#: The line of postmaster.pid that says "ready".
STATUS_LINE = 8


class Postgres(DataFolder):
    """The server of one data folder."""

    def __init__(
        self,
        home: Home,
        runtime_dir: RuntimeDir,
        passwords: dict[str, str],
        *,
        connections: int = 200,
    ) -> None:
        super().__init__(home, runtime_dir, passwords)
        self.connections = connections

    @property
    def url(self) -> str:
        """Return the address that the product uses, as a user without rights over the server."""
        return self.url_for(USER, self.passwords["database_user"], DATABASE)

    def url_for(self, user: str, password: str, database: str) -> str:
        """Return the address of a database for a user."""
        sockets = self.runtime_dir.sockets
        return f"postgresql://{user}:{quote(password, safe='')}@/{database}?host={sockets}"

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
        url = self.url_for(OWNER, self.passwords["database_owner"], "postgres")
        try:
            with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
                self._ensure_user(connection)
                _ensure_database(connection)
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise StackError(
                    f"the passwords in {self.folder.parent / 'secrets.json'} are not those of "
                    f"{self.folder}: restore the file that belongs to it"
                ) from error
            return False
        return True

    def says_ready(self) -> bool:
        """Return whether its pid file says "ready", which `pg_ctl` reads, too.

        A refused connection would be logged as FATAL.
        """
        try:
            lines = (self.folder / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= STATUS_LINE and lines[STATUS_LINE - 1].strip() == "ready"

    def _options(self) -> list[str]:
        options = sized(self.folder) | {
            "listen_addresses": "",
            "unix_socket_directories": str(self.runtime_dir.sockets),
            "max_connections": str(self.connections),
            # Compiling a plan takes longer than most of our statements.
            "jit": "off",
            "fsync": "on",
            "synchronous_commit": "on",
            "wal_compression": "on",
            # Fewer checkpoints, so fewer full-page writes while a mailing runs.
            "checkpoint_timeout": "15min",
            # For SSDs.
            "random_page_cost": "1.1",
            # For other sessions; ours have a shorter limit (vestnik.db.sessions).
            "idle_in_transaction_session_timeout": "1min",
            "timezone": "UTC",
            "log_timezone": "UTC",
            # The detail of an ERROR quotes the row with its phone number. The client gets the error
            # in any case.
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


def sized(folder: Path) -> dict[str, str]:
    """Return the settings of memory and write-ahead log for this machine or container."""
    memory = linux.memory()
    log = min(max(shutil.disk_usage(folder).free // 8, 256 * MIB), 8 * GIB)
    return {
        "shared_buffers": f"{min(max(memory // 8, 64 * MIB), 2 * GIB) // MIB}MB",
        "effective_cache_size": f"{memory // 2 // MIB}MB",
        "max_wal_size": f"{log // MIB}MB",
    }
