"""The time of a process's restart."""

import os
import signal
import sys
import time

import pytest

from tests.stack.embedded_servers import wait_until
from vestnik.stack.processes import process as processes
from vestnik.stack.processes.process import Process, Program


@pytest.fixture
def nowhere():
    descriptor = os.open(os.devnull, os.O_WRONLY)
    yield descriptor
    os.close(descriptor)


def program(*words: str, **options) -> Program:
    return Program("probe", [sys.executable, "-S", "-c", *words], {}, **options)


def test_the_more_short_lives_the_longer_the_wait():
    process = Process(program(""))
    waits = []
    for process.short_runs in range(8):
        waits.append(process.restart_delay())
    assert waits[0] <= 0.5
    assert waits == sorted(waits)
    assert waits[-1] == waits[-2] == 10


def test_a_long_life_makes_the_short_ones_forgotten(nowhere, monkeypatch):
    monkeypatch.setattr(processes, "STABLE_AFTER", 0.0)
    process = Process(program(""), short_runs=5)
    process.child = process.program.spawn(output=nowhere)
    process.ready_at = time.monotonic() - 1
    wait_until(process.reap, 5)
    assert process.short_runs == 0
    assert process.restart_at is not None


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("raise SystemExit(3)", "exit status 3"),
        ("import os; os.kill(os.getpid(), 9)", "killed by SIGKILL"),
    ],
)
def test_it_says_how_it_ended(nowhere, words, told):
    process = Process(program(words), restarts=False)
    process.child = process.program.spawn(output=nowhere)
    wait_until(process.reap, 5)
    assert process.exit_text() == told
    assert process.restart_at is None


def test_a_killed_process_takes_its_group_along(nowhere):
    process = Process(program("import time; time.sleep(60)"))
    process.child = process.program.spawn(output=nowhere)
    process.kill()
    wait_until(process.reap, 5)
    assert process.status == -signal.SIGKILL
    process.kill()  # an ended process has none


def test_what_cannot_be_run_is_said(tmp_path):
    log = tmp_path / "log"
    with log.open("wb") as output:
        missing = Program("probe", ["/no/such/program"], {})
        assert missing.spawn(output=output.fileno()).wait() == 126
    assert log.read_text() == "cannot run /no/such/program: No such file or directory\n"
