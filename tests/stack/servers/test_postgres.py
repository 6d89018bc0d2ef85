"""The data folder before PostgreSQL starts, and the errors of a failed start."""

import os
import subprocess
import sys
import threading

import pytest

from tests.stack.embedded_servers import wait_until
from vestnik.stack import runtime_dir
from vestnik.stack.errors import StackError
from vestnik.stack.home import Home
from vestnik.stack.processes import linux
from vestnik.stack.servers import data_folder
from vestnik.stack.servers.data_folder import VITAL
from vestnik.stack.servers.postgres import Postgres

PASSWORDS = {"database_owner": "o", "database_user": "u w/@"}


@pytest.fixture
def postgres(tmp_path):
    private_dir = runtime_dir.RuntimeDir(tmp_path, -1)
    server = Postgres(Home(tmp_path), private_dir, PASSWORDS)
    for name in VITAL:
        (server.folder / name).parent.mkdir(exist_ok=True)
        (server.folder / name).touch()
    yield server
    private_dir.remove()


@pytest.fixture
def server_in(postgres):
    """A process that works in the data folder, as PostgreSQL does."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1, cwd=postgres.folder)
    with process:
        wait_until(lambda: linux.working_folder(process.pid) == postgres.folder, 5)
        (postgres.folder / "postmaster.pid").write_text(f"{process.pid}\n/somewhere\n")
        yield process
        process.kill()


@pytest.mark.parametrize("content", ["{ours}\n/somewhere\n", "999999999\n", "", "x"])
def test_the_pid_file_of_a_server_that_is_gone_is_removed(postgres, content):
    (postgres.folder / "postmaster.pid").write_text(content.format(ours=os.getpid()))
    postgres.prepare()
    assert not (postgres.folder / "postmaster.pid").exists()


def test_a_server_that_is_ending_is_waited_for(postgres, server_in):
    threading.Timer(0.3, lambda: (server_in.kill(), server_in.wait())).start()
    postgres.prepare()
    # The process has ended by then; the thread that killed it may be waiting for it.
    wait_until(lambda: server_in.poll() is not None, 5)


def test_a_server_that_does_not_end_is_named(postgres, server_in, monkeypatch):
    monkeypatch.setattr(data_folder, "PREDECESSOR_TIMEOUT", 0.2)
    with pytest.raises(StackError, match=f"another PostgreSQL .pid {server_in.pid}. uses"):
        postgres.prepare()


@pytest.mark.parametrize("beside", ["postgres-15", "postgres.upgraded"])
def test_no_empty_database_is_made_beside_one_that_has_another_name(postgres, beside):
    postgres.folder.rename(postgres.folder.with_name(beside))
    with pytest.raises(StackError, match=f"{beside} is left from an interrupted upgrade"):
        postgres.prepare()
    assert not postgres.folder.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_data_of_another_account_is_given_to_the_servers(postgres):
    postgres.uid = 65534
    postgres.prepare()
    owners = {path.stat().st_uid for path in (postgres.folder, *postgres.folder.rglob("*"))}
    assert owners == {65534}


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["LOG:  hello", "2026 FATAL:  it is broken"], "does not start: it is broken: "),
        (["initdb: error: it is not there", "hint"], "does not start: it is not there: "),
        (["something else"], "does not start: something else: "),
        ([], "does not start: no message: "),
        (["PANIC:  could not write: No space left on device"], "is full: free some space"),
    ],
)
def test_its_last_words_become_one_line(postgres, lines, told):
    assert told in str(postgres.trouble(lines))


def test_a_password_may_hold_anything(postgres):
    assert "u%20w%2F%40" in postgres.url
