"""`vestnik upgrade-database`: dumps the data of an older PostgreSQL and restores it into ours.

The old server runs by its own programs, whose folder is an option. The dump and the restore use the
new version's programs, as PostgreSQL advises. The old folder is only read, and kept beside the new
one.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, unquote

import psycopg
from psycopg import sql

from vestnik import env
from vestnik.stack import home as homes
from vestnik.stack import owner, runtime_dir
from vestnik.stack.errors import StackError, of_folder
from vestnik.stack.home import MIB, Home
from vestnik.stack.processes import linux
from vestnik.stack.servers.data_folder import OWNER, install, major
from vestnik.stack.servers.postgres import DATABASE, USER, Postgres
from vestnik.stack.stderr import say

#: Seconds for a server to stop: it writes a checkpoint.
SECONDS_TO_STOP = 600.0
#: Seconds between two checks of a condition.
PAUSE = 0.1
#: Free space as a multiple of the old data: the compressed dump, the new data and their log.
ROOM = 1.5
#: Roles that exist in a new server already.
KNOWN_ROLES = {f"CREATE ROLE {name};" for name in (OWNER, USER)}
# All databases that can be connected to, without templates.
DATABASES = """
SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname
"""
# All tables of users, whose rows are counted before and after.
TABLES = """
SELECT schemaname, tablename FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2
"""


def upgrade_database(programs: Path) -> None:
    """Upgrade the embedded database. Raises StackError; the old data is not changed."""
    if env.database_url():
        raise StackError("DATABASE_URL is set: upgrade that server by its own means")
    with owner.locked_home() as home:
        _upgrade(home, programs)


def _upgrade(home: Home, programs: Path) -> None:
    theirs = version_of_data(home.postgres)
    if theirs == major():
        say(f"{home.postgres} has data of PostgreSQL {theirs} already: there is nothing to do")
        return
    _check_programs(programs, theirs)
    _check_room(home)
    folder = runtime_dir.RuntimeDir(home.path, runtime_dir.lowered_uid())
    try:
        Upgrade(home, folder, programs).run(home.path / f"postgres-{theirs}")
    except OSError as error:
        raise of_folder(home.path, error) from error
    finally:
        folder.remove()


class Upgrade:
    """The old and the new server, and the dump between them."""

    def __init__(self, home: Home, folder: runtime_dir.RuntimeDir, programs: Path) -> None:
        passwords = homes.keep_secrets(home)
        self.old, self.new = (Postgres(home, folder, passwords) for _ in range(2))
        self.old.binaries = programs
        self.new.folder = home.path / "postgres.upgraded"
        self.dumps = home.path / "upgrade"
        self.environ = {
            "PATH": os.defpath,
            "LC_ALL": "C",
            "PGHOST": str(folder.sockets),
            "PGUSER": OWNER,
            "PGPASSWORD": passwords["database_owner"],
        }

    def run(self, kept: Path) -> None:
        """Dump, restore, compare, and put the new data in place of the old data, which is kept."""
        self._remove_leftovers()
        if kept.exists():
            raise StackError(f"{kept} exists already, from an earlier upgrade: move it away")
        self.dumps.mkdir(mode=0o700)
        try:
            before = self._dump()
            after = self._restore()
            if before != after:
                raise StackError(f"not all rows were restored: {_difference(before, after)}")
            exchange(self.new.folder, self.old.folder, kept)
        finally:
            shutil.rmtree(self.dumps, ignore_errors=True)
            shutil.rmtree(self.new.folder, ignore_errors=True)
        say(f"done: {sum(after.values()):,} rows; the old data is in {kept}: remove it later")

    def _remove_leftovers(self) -> None:
        """Remove the files of an interrupted upgrade."""
        draft = self.new.folder
        if draft.exists() and version_of_data(draft) != major():
            raise StackError(f"{draft} has data from before an earlier upgrade: move it away")
        for left in (self.dumps, draft):
            shutil.rmtree(left, ignore_errors=True)

    def _dump(self) -> dict[str, int]:
        with self._served(self.old):
            say("dumping")
            self._program("pg_dumpall", "--globals-only", f"--file={self.dumps / 'globals'}")
            for database in self._databases():
                target = f"--file={self._dump_of(database)}"
                self._program("pg_dump", "--format=custom", target, f"--dbname={database}")
            return self._counts()

    def _restore(self) -> dict[str, int]:
        self.new.initialise()
        globals_ = (self.dumps / "globals").read_text()
        lines = [line for line in globals_.splitlines() if line not in KNOWN_ROLES]
        (self.dumps / "globals").write_text("\n".join(lines))
        with self._served(self.new):
            say("restoring")
            until(self.new.is_ready)  # creates the product's user and database
            stop = "--set=ON_ERROR_STOP=1"
            self._program(
                "psql",
                "--no-psqlrc",
                "--quiet",
                stop,
                f"--file={self.dumps / 'globals'}",
                "postgres",
            )
            for dump in sorted(self.dumps.glob("*.dump")):
                self._restore_one(unquote(dump.stem), dump)
            for database in self._databases():
                with self._connected(database) as connection:
                    connection.execute("ANALYZE")
            return self._counts()

    def _restore_one(self, database: str, dump: Path) -> None:
        known = database in ("postgres", DATABASE)
        into = [f"--dbname={database}"] if known else ["--create", "--dbname=postgres"]
        self._program("pg_restore", "--exit-on-error", *into, str(dump))

    def _dump_of(self, database: str) -> Path:
        return self.dumps / f"{quote(database, safe='')}.dump"

    @contextlib.contextmanager
    def _served(self, server: Postgres) -> Iterator[None]:
        """Run the server during the block."""
        server.make_startable()  # removes the pid file of a killed server
        log = self.dumps / "log"
        with log.open("wb") as output:
            process = server.program().spawn(output=output.fileno())
        try:
            until(lambda: server.says_ready() or process.poll() is not None)
            if process.poll() is not None:
                raise server.trouble(log.read_text(errors="replace").splitlines())
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(SECONDS_TO_STOP)

    def _program(self, name: str, *words: str) -> None:
        done = subprocess.run(
            [str(install() / "bin" / name), *words],
            env=self.environ,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode != 0:
            said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
            raise StackError(f"{name} failed: {said[0]}: the old data is not changed")

    def _connected(self, database: str) -> "psycopg.Connection[tuple[str, ...]]":
        return psycopg.connect(
            host=self.environ["PGHOST"],
            user=OWNER,
            password=self.environ["PGPASSWORD"],
            dbname=database,
            autocommit=True,
        )

    def _databases(self) -> list[str]:
        with self._connected("postgres") as connection:
            return [name for (name,) in connection.execute(DATABASES)]

    def _counts(self) -> dict[str, int]:
        """Return the number of rows of every table."""
        counts = {}
        for database in self._databases():
            with self._connected(database) as connection:
                for schema, table in connection.execute(TABLES).fetchall():
                    counted = sql.SQL("SELECT count(*) FROM {}").format(
                        sql.Identifier(schema, table)
                    )
                    (row,) = connection.execute(counted).fetchall()
                    counts[f"{database}.{schema}.{table}"] = int(row[0])
        return counts


def exchange(new: Path, old: Path, kept: Path) -> None:
    """Put the folder `new` in the place of `old`, which is kept as `kept`.

    Interrupted at any moment, one of them is in that place. Only on a file system that cannot
    exchange two names may the place be empty for a moment; `DataFolder.prepare` creates no folder
    then.
    """
    try:
        linux.exchange(new, old)
    except OSError:
        old.rename(kept)
        _or_back(new, old, lambda: kept.rename(old))
    else:
        _or_back(new, kept, lambda: linux.exchange(new, old))
    folder = os.open(old.parent, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(folder)
    os.close(folder)


def _or_back(one: Path, to: Path, undo: Callable[[], object]) -> None:
    try:
        one.rename(to)
    except OSError:
        undo()
        raise


def version_of_data(folder: Path) -> str:
    """Return the major version of PostgreSQL that created a data folder. Raises StackError."""
    try:
        return (folder / "PG_VERSION").read_text().strip()
    except OSError as error:
        raise of_folder(folder, error) from error


def _check_programs(programs: Path, wanted: str) -> None:
    try:
        said = subprocess.run(
            [str(programs / "postgres"), "--version"], capture_output=True, text=True
        ).stdout
    except OSError as error:
        raise StackError(f"cannot run {programs}/postgres: {error.strerror}") from error
    found = re.search(r"\) (\d+)", said)
    if found is None or found[1] != wanted:
        version = found[1] if found else "of an unknown version"
        raise StackError(
            f"{programs}/postgres is PostgreSQL {version}, and the data is of PostgreSQL {wanted}"
        )


def _check_room(home: Home) -> None:
    size = sum(path.stat().st_size for path in home.postgres.rglob("*") if path.is_file())
    free, needed = shutil.disk_usage(home.path).free, int(size * ROOM)
    if free < needed:
        raise StackError(
            f"the disk of {home.path} has {free // MIB} MB free, and {needed // MIB} are needed"
        )


def _difference(before: dict[str, int], after: dict[str, int]) -> str:
    for table in sorted(before.keys() | after.keys()):
        if before.get(table) != after.get(table):
            return f"{table} had {before.get(table, 0):,} and has {after.get(table, 0):,}"
    return "none"


def until(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds, without a limit: a recovery must not be interrupted."""
    while not condition():
        time.sleep(PAUSE)
