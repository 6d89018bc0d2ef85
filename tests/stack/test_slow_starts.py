"""A slow step of a start is reported and not killed: a restart would begin it again."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest
from django.db import connection

from tests.stack.embedded_servers import wait_until
from vestnik.db.lock_ids import SETUP_LOCK
from vestnik.stack import setup, wait_for
from vestnik.stack.console import Console
from vestnik.stack.processes import supervisor
from vestnik.stack.processes.process import Program
from vestnik.stack.processes.supervisor import EndedEarly, Supervisor

WAITING = """
SELECT FROM pg_stat_activity
WHERE query LIKE 'SELECT pg_try_advisory_lock%' AND pid <> pg_backend_pid()
"""


class Said:
    """A supervisor whose console is recorded."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        writing = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY)
        self.console = Console(writing, colour=False, on_loss=lambda: None)
        self.supervisor = Supervisor(self.console, on_change=lambda: None)

    def lines(self) -> list[str]:
        self.console.close(5)
        return os.pread(self.descriptor, 1 << 16, 0).decode().splitlines()


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Iterator[Said]:
    monkeypatch.setattr(supervisor, "REPORT_AFTER", 0.1)
    descriptor = os.memfd_create("console")
    made = Said(descriptor)
    yield made
    made.supervisor.close()
    os.close(descriptor)


def sleeper(seconds: float) -> Program:
    return Program(
        "postgres", [sys.executable, "-S", "-c", f"import time; time.sleep({seconds})"], {}
    )


def test_a_server_that_recovers_for_long_is_waited_for_and_said(said: Said) -> None:
    process = said.supervisor.start(sleeper(60), lasting=False)
    ready_at = time.monotonic() + 1.0
    said.supervisor.wait_ready(process, lambda: time.monotonic() > ready_at, "it recovers")
    assert process.child is not None
    assert process.child.poll() is None
    process.restarts = False
    process.kill()
    wait_until(process.reap, 5)
    told = [line for line in said.lines() if "postgres is not ready after" in line]
    assert 2 <= len(told) <= 4  # after 0.1, 0.2, 0.4, 0.8 s
    assert all(line.endswith(": it recovers") for line in told)


def test_a_setup_that_takes_long_is_waited_for_and_said(said: Said) -> None:
    process = said.supervisor.start(sleeper(1.0), lasting=False)
    said.supervisor.wait_done(process, "it migrates")
    assert any("is not ready after" in line for line in said.lines())


def test_one_that_only_saves_memory_is_not_waited_for_long(said: Said) -> None:
    process = said.supervisor.start(sleeper(60), lasting=False)
    said.supervisor.wait_or_do_without(process, lambda: False, 0.3)
    assert process.restarts  # it is restarted beside the other processes
    wait_until(process.reap, 5)
    assert process.restart_at is not None
    assert any(
        "is not ready: the other processes start without it" in line for line in said.lines()
    )


def test_a_server_that_ends_is_not_waited_for(said: Said) -> None:
    process = said.supervisor.start(sleeper(0.0), lasting=False)
    with pytest.raises(EndedEarly):
        said.supervisor.wait_ready(process, lambda: False, "it recovers")


def told_in_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], work: Callable[[], None]
) -> str:
    monkeypatch.setattr(wait_for, "SECONDS_UNTIL_REPORT", 0.05)
    work()
    return capsys.readouterr().err


@pytest.mark.django_db(transaction=True)
def test_a_setup_that_waits_for_another_one_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with psycopg.connect(**_parameters(), autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [SETUP_LOCK])
        threading.Thread(target=release_later, args=[holder]).start()
        said = told_in_time(monkeypatch, capsys, lambda: setup.set_up(demo=False, seconds=5))
    assert "vestnik: waiting for another `vestnik setup` to finish\n" in said


def release_later(holder: "psycopg.Connection[tuple[object, ...]]") -> None:
    """Run after the other one has begun to wait."""
    wait_until(lambda: holder.execute(WAITING).fetchall() != [], 60)
    time.sleep(0.5)  # the output meanwhile
    holder.close()


def _parameters() -> dict[str, str]:
    database = connection.settings_dict
    return {
        "host": database["OPTIONS"].get("host") or database["HOST"],
        "user": database["USER"],
        "password": str(database["PASSWORD"]),
        "dbname": database["NAME"],
    }


@pytest.mark.django_db(transaction=True)
def test_a_migration_that_takes_long_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def slow(*_: object, stdout: setup.Steps, **__: object) -> None:
        stdout.write("Operations to perform:\n  Apply all migrations: audience\n")
        stdout.write("  Applying audience.0007_numbering...")
        time.sleep(0.3)  # the migration
        stdout.write(" OK\n")

    monkeypatch.setattr(setup, "call_command", slow)
    with connection.cursor() as cursor:
        said = told_in_time(monkeypatch, capsys, lambda: setup.migrate(cursor))
    assert "vestnik: migrating (audience.0007_numbering): do not interrupt it" in said
