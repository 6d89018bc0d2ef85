"""Processes that start before the servers that they need, as containers do; and external
servers."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.stack.embedded_servers import wait_until, without_servers
from tests.stack.leftovers import processes_of
from tests.stack.running import RunningStack, free_port

DATABASE = "own"


@pytest.fixture
def own_servers():
    """An existing PostgreSQL with an empty database, and a broker."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {DATABASE}")
        yield {
            "DATABASE_URL": os.environ["DATABASE_URL"].replace("/vestnik?", f"/{DATABASE}?"),
            "REDIS_URL": os.environ["REDIS_URL"].replace("db=0", "db=5"),
            "SECRET_KEY": "own",
        }
        connection.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


class Running:
    """A running `vestnik …` and its output so far."""

    def __init__(self, words: tuple[str, ...], environ: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "vestnik", *words],
            env=without_servers() | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said: list[str] = []
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self) -> None:
        with self.process.stdout as lines:
            self.said.extend(lines)

    def has_said(self, text: str) -> bool:
        return any(text in line for line in self.said)


@contextmanager
def running(*words: str, environ: dict[str, str]) -> Iterator[Running]:
    command = Running(words, environ)
    try:
        yield command
    finally:
        command.process.terminate()
        command.process.wait(15)
        command.reader.join()


def vestnik(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vestnik", *words],
        env=without_servers() | environ,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("name", ["web", "worker", "beat"])
def test_a_process_waits_for_a_database_that_is_not_there_yet(own_servers, name):
    environ = own_servers | {"DATABASE_URL": "postgresql://a:b@127.0.0.1:9/c"}
    with running(name, environ=environ | {"VESTNIK_PORT": str(free_port())}) as process:
        wait_until(lambda: process.has_said("waiting for the database at 127.0.0.1:9"), 60)
        assert process.process.poll() is None
    assert not process.has_said("Traceback")


def test_a_worker_waits_for_a_broker_that_is_not_there_yet(own_servers):
    assert vestnik("setup", **own_servers).returncode == 0
    with running("worker", environ=own_servers | {"REDIS_URL": "redis://127.0.0.1:9/0"}) as process:
        wait_until(lambda: process.has_said("127.0.0.1:9"), 60)
        time.sleep(1)
        assert process.process.poll() is None


def test_it_all_works_once_the_database_is_migrated(own_servers, tmp_path):
    environ = own_servers | {"VESTNIK_HOME": str(tmp_path), "VESTNIK_PORT": str(free_port())}
    with (
        running("worker", environ=environ) as worker,
        running("beat", environ=environ),
        running("web", environ=environ) as web,
    ):
        wait_until(lambda: all(p.has_said("to be migrated") for p in (worker, web)), 90)
        assert vestnik("setup", "--demo", **environ).returncode == 0
        wait_until(lambda: sum("SMS 7" in line for line in worker.said) == 12, 90)
        assert web.process.poll() is None
    assert vestnik("setup", **environ).stdout == ""  # all migrations are applied


def test_servers_of_ones_own_replace_the_embedded_ones(own_servers, tmp_path):
    home = tmp_path / "home"
    with RunningStack(home=home, workers=1, demo=True, environ=own_servers) as stack:
        assert set(stack.pids) == {"forkserver", "web", "worker.1"}
        assert stack.database_url == own_servers["DATABASE_URL"]
        assert stack.api("GET", "clients/").body["results"] == []  # no demo with an external server
    assert {path.name for path in home.iterdir()} == {"secrets.json", "credentials"}
    assert processes_of(home) == []


def test_a_command_without_a_stack_says_how_to_start_one(tmp_path):
    for words in (("apikey", "create", "--name", "x", "--role", "admin"), ("manage", "shell")):
        refused = vestnik(*words, VESTNIK_HOME=str(tmp_path))
        assert refused.returncode == 1
        assert refused.stderr.count("\n") == 1
        assert "the stack is not running: start it with `make run`" in refused.stderr


def test_what_needs_no_database_needs_no_stack(tmp_path):
    answered = vestnik(
        "manage", "makemigrations", "--check", "--dry-run", VESTNIK_HOME=str(tmp_path)
    )
    assert answered.stdout.startswith("No changes detected") or "Migrations for" in answered.stdout
    assert answered.stderr == ""


def test_a_command_says_at_once_that_the_database_is_away(tmp_path):
    environ = {"DATABASE_URL": "postgresql://a:b@127.0.0.1:9/c", "VESTNIK_HOME": str(tmp_path)}
    for words in (("apikey", "create", "--name", "x", "--role", "admin"), ("manage", "migrate")):
        refused = vestnik(*words, **environ)
        assert refused.returncode == 1
        assert refused.stderr.count("\n") == 1
        assert "the database at 127.0.0.1:9 does not answer: " in refused.stderr


@pytest.mark.parametrize("name", ["web", "worker"])
def test_a_mistake_in_the_settings_ends_a_process_with_one_line(own_servers, name):
    refused = vestnik(name, **own_servers, SMS_PROVIDER_MAIN_BACKEND="no-such-thing")
    assert refused.returncode == 2
    assert refused.stderr.startswith("vestnik: SMS_PROVIDER_MAIN_BACKEND")
    assert refused.stderr.count("\n") == 1


def test_the_web_wants_a_secret_key(own_servers, tmp_path):
    refused = vestnik("web", **own_servers | {"SECRET_KEY": "", "VESTNIK_HOME": str(tmp_path)})
    assert refused.returncode == 2
    assert refused.stderr.startswith("vestnik: SECRET_KEY is not set")


def test_help_teaches():
    told = vestnik("--help").stdout
    for word in ("up", "setup", "web", "worker", "beat", "apikey", "manage", ".env.example"):
        assert word in told
