"""A slow step of a start is reported and not killed: a restart would begin it again."""

import contextlib
import io
import os
import sys
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

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


class Said:
    """A supervisor whose console is recorded."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        writing = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY)
        self.console = Console(writing, colour=False, on_loss=lambda: None)
        self.supervisor = Supervisor(self.console, on_change=lambda: None)

    def lines(self) -> list[str]:
        """The lines so far."""
        return os.pread(self.descriptor, 1 << 16, 0).decode().splitlines()

    def all_lines(self) -> list[str]:
        self.console.close(5)
        return self.lines()


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

    def told() -> list[str]:
        return [line for line in said.lines() if "postgres is not ready after" in line]

    began = time.monotonic()
    said.supervisor.wait_ready(process, lambda: len(told()) >= 4, "it recovers")
    assert time.monotonic() - began > 0.8  # told after 0.1, 0.2, 0.4, 0.8 s
    assert process.child is not None
    assert process.child.poll() is None
    process.restarts = False
    process.kill()
    wait_until(process.reap, 5)
    assert all(line.endswith(": it recovers") for line in told())


def test_a_setup_that_takes_long_is_waited_for_and_said(said: Said) -> None:
    process = said.supervisor.start(sleeper(1.0), lasting=False)
    said.supervisor.wait_done(process, "it migrates")
    assert any("is not ready after" in line for line in said.all_lines())


def test_one_that_only_saves_memory_is_not_waited_for_long(said: Said) -> None:
    process = said.supervisor.start(sleeper(60), lasting=False)
    said.supervisor.wait_or_do_without(process, lambda: False, 0.3)
    assert process.restarts  # it is restarted beside the other processes
    wait_until(process.reap, 5)
    assert process.restart_at is not None
    assert any(
        "is not ready: the other processes start without it" in line for line in said.all_lines()
    )


def test_a_server_that_ends_is_not_waited_for(said: Said) -> None:
    process = said.supervisor.start(sleeper(0.0), lasting=False)
    with pytest.raises(EndedEarly):
        said.supervisor.wait_ready(process, lambda: False, "it recovers")


@pytest.fixture
def errors(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is reported on standard error, where a slow step is reported soon."""
    monkeypatch.setattr(wait_for, "SECONDS_UNTIL_REPORT", 0.05)
    errors = io.StringIO()
    monkeypatch.setattr("vestnik.stack.stderr.sys", SimpleNamespace(stderr=errors))
    return errors


@pytest.mark.django_db(transaction=True)
def test_a_setup_that_waits_for_another_one_says_so(errors: io.StringIO) -> None:
    said = "vestnik: waiting for another `vestnik setup` to finish\n"

    def close_once_said() -> None:
        with contextlib.closing(holder):
            wait_until(lambda: said in errors.getvalue(), 30)

    with psycopg.connect(**_parameters(), autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [SETUP_LOCK])
        threading.Thread(target=close_once_said).start()
        setup.set_up(demo=False, seconds=5)
    assert said in errors.getvalue()


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
    monkeypatch: pytest.MonkeyPatch, errors: io.StringIO
) -> None:
    said = "vestnik: migrating (audience.0007_numbering): do not interrupt it"

    def slow(*_: object, stdout: setup.Steps, **__: object) -> None:
        stdout.write("Operations to perform:\n  Apply all migrations: audience\n")
        stdout.write("  Applying audience.0007_numbering...")
        wait_until(lambda: said in errors.getvalue(), 30)
        stdout.write(" OK\n")

    monkeypatch.setattr(setup, "call_command", slow)
    with connection.cursor() as cursor:
        setup.migrate(cursor)
