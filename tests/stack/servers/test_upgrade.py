"""`vestnik upgrade-database` upgrades data of an older PostgreSQL."""

import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.directory import MAKE_CLIENTS
from tests.stack.embedded_servers import wait_until, without_servers
from tests.stack.leftovers import processes_of, runtime_dirs_of
from tests.stack.running import RunningStack
from vestnik.stack import home as homes
from vestnik.stack import runtime_dir
from vestnik.stack.processes import linux
from vestnik.stack.processes.process import Program, plain_environ
from vestnik.stack.servers.data_folder import install
from vestnik.stack.servers.postgres import Postgres
from vestnik.stack.servers.upgrade import exchange

#: The folder of Debian's programs.
OLDER = sorted(Path("/usr/lib/postgresql").glob("1[4-7]/bin/postgres"))
needs_older = pytest.mark.skipif(not OLDER, reason="no older PostgreSQL is installed")
CLIENTS = 200


def vestnik(*words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "vestnik", *words],
        env=without_servers() | environ,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def open_home() -> Iterator[Path]:
    """Copy the programs to a readable folder: programs up to version 15 resolve their own path."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    home = folder / "home"
    home.mkdir()
    for path in (folder, home):
        path.chmod(0o755)
    yield home
    shutil.rmtree(folder)


@pytest.fixture
def older_home(open_home: Path) -> tuple[Path, Path]:
    """A home of an older Vestnik, and the programs of its PostgreSQL."""
    home = open_home
    programs = OLDER[-1].parent
    made = homes.open_home(home)
    private_dir = runtime_dir.RuntimeDir(home, runtime_dir.lowered_uid())
    server = Postgres(made, private_dir, homes.keep_secrets(made))
    server.binaries = programs
    initdb(server)
    process = server.program().spawn(output=subprocess.DEVNULL)
    try:
        wait_until(server.is_ready, 30)
        done = vestnik("setup", DATABASE_URL=server.url, VESTNIK_HOME=str(home), SECRET_KEY="k")
        assert done.returncode == 0, done.stderr
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(MAKE_CLIENTS, (0, CLIENTS - 1))
            connection.execute("UPDATE audience_client SET tag = 'ВИП'")
            connection.execute("CREATE DATABASE other")
            connection.execute("ALTER ROLE CURRENT_USER SET work_mem = '7MB'")
    finally:
        process.kill()  # as after a power failure: the pid file stays and says "ready"
        process.wait(30)
        private_dir.remove()
    return home, programs


def initdb(server: Postgres) -> None:
    server.folder.mkdir(mode=0o700)
    server.give(server.folder)
    password = server.runtime_dir.path / "password"
    server.write_for_server(password, server.passwords["database_owner"])
    argv = [
        str(server.binaries / "initdb"), "-D", "/proc/self/cwd", f"--pwfile={password}",
        "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--username=postgres",
    ]  # fmt: skip
    program = Program("initdb", argv, plain_environ(), folder=server.folder, uid=server.uid)
    subprocess.run(program.command(), cwd=server.folder, check=True, capture_output=True)


@needs_older
def test_the_data_of_an_older_version_are_brought_over_and_the_old_ones_kept(
    older_home: tuple[Path, Path],
) -> None:
    home, programs = older_home
    version = programs.parent.name

    done = vestnik("upgrade-database", f"--programs={programs}", VESTNIK_HOME=str(home))

    assert done.returncode == 0, done.stderr
    assert f"the old data is in {home}/postgres-{version}" in done.stderr
    assert (home / f"postgres-{version}" / "PG_VERSION").read_text() == f"{version}\n"
    assert not (home / "upgrade").exists()
    assert processes_of(home) == []
    assert runtime_dirs_of(home) == []
    with RunningStack(home=home, workers=1) as stack:
        found = stack.sql("SELECT phone_number, tag FROM audience_client ORDER BY 1")
        assert found == [(str(79000000000 + n), "ВИП") for n in range(CLIENTS)]
        assert stack.sql("SHOW work_mem") == [("7MB",)]
        assert stack.sql("SELECT lower('ВИП')") == [("вип",)]  # the new version's locale
        assert ("other",) in stack.sql("SELECT datname FROM pg_database")
        assert stack.api("GET", "clients/?page_size=1").status == 200
    again = vestnik("upgrade-database", f"--programs={programs}", VESTNIK_HOME=str(home))
    assert (again.returncode, "there is nothing to do" in again.stderr) == (0, True)


@needs_older
def test_an_upgrade_that_fails_leaves_the_old_data_as_they_were(
    older_home: tuple[Path, Path],
) -> None:
    home, programs = older_home
    secrets = home / "secrets.json"
    kept = secrets.read_text()
    secrets.write_text(json.dumps(json.loads(kept) | {"database_owner": "wrong"}))

    failed = vestnik("upgrade-database", f"--programs={programs}", VESTNIK_HOME=str(home))

    assert failed.returncode == 1
    assert "password authentication failed" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert {path.name for path in home.iterdir()} == {"postgres", "secrets.json", "credentials"}
    secrets.write_text(kept)
    done = vestnik("upgrade-database", f"--programs={programs}", VESTNIK_HOME=str(home))
    assert done.returncode == 0, done.stderr


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path, Path]:
    """The folders of the new data and of the old data, and the place to keep the latter."""
    new, old, kept = (tmp_path / name for name in ("new", "postgres", "kept"))
    for folder in (new, old):
        folder.mkdir()
        (folder / "PG_VERSION").write_text(folder.name)
    return new, old, kept


@pytest.mark.parametrize("can_exchange", [True, False])
def test_the_new_data_take_the_old_ones_place(folders, monkeypatch, can_exchange):
    new, old, kept = folders
    if not can_exchange:
        monkeypatch.setattr(linux, "exchange", refuse)
    exchange(new, old, kept)
    assert (old / "PG_VERSION").read_text() == "new"
    assert (kept / "PG_VERSION").read_text() == "postgres"
    assert not new.exists()


def test_old_data_that_cannot_be_kept_stay_where_they_are(folders):
    new, old, kept = folders
    kept.mkdir()
    (kept / "something").touch()
    with pytest.raises(OSError, match="not empty"):
        exchange(new, old, kept)
    assert (old / "PG_VERSION").read_text() == "postgres"
    assert (new / "PG_VERSION").read_text() == "new"


def refuse(*_: Path) -> None:
    raise OSError(errno.EINVAL, "Invalid argument")


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("18", "there is nothing to do"),
        ("17", "postgres is PostgreSQL 18, and the data is of PostgreSQL 17"),
    ],
)
def test_only_the_programs_that_made_the_data_are_taken(old_home, version, said):
    (old_home / "postgres" / "PG_VERSION").write_text(f"{version}\n")
    programs = install() / "bin"
    done = vestnik("upgrade-database", f"--programs={programs}", VESTNIK_HOME=str(old_home))
    assert said in done.stderr
    assert done.returncode == (version != "18")


def test_a_folder_without_programs_is_named(old_home, tmp_path):
    (old_home / "postgres" / "PG_VERSION").write_text("17\n")
    done = vestnik("upgrade-database", f"--programs={tmp_path}", VESTNIK_HOME=str(old_home))
    assert done.returncode == 1
    assert done.stderr == f"vestnik: cannot run {tmp_path}/postgres: No such file or directory\n"


def test_a_server_of_ones_own_is_none_of_ours():
    done = vestnik("upgrade-database", "--programs=/x", DATABASE_URL=os.environ["DATABASE_URL"])
    assert done.stderr.startswith("vestnik: DATABASE_URL is set: ")
