"""The end of a stack, requested or not: no process or folder is left, and the data is kept."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.stack.embedded_servers import wait_until
from tests.stack.leftovers import processes_of, runtime_dirs_of
from tests.stack.running import SECONDS_TO_STOP, RunningStack
from tests.stack.unstalled_clock import UnstalledClock

PROMISE = 10.0


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail a block that takes longer, apart from pauses in which the machine stood still."""
    with UnstalledClock() as clock:
        yield
    assert clock.seconds < seconds


def test_data_outlives_a_stop_and_a_newer_commit_migrates_it(old_home):
    with RunningStack(home=old_home) as stack:
        first_key = stack.key
        assert stack.api("POST", "clients/", {"phone_number": "79261234567"}).status == 201
        assert stack.vestnik("manage", "migrate", "sessions", "zero").returncode == 0
        with within(PROMISE):
            stack.stop()
        assert processes_of(old_home) == []
        assert runtime_dirs_of(old_home) == []
        assert not (old_home / "stack.json").exists()

        with within(30):
            stack.start()
        assert stack.key == first_key
        assert "api_key=" not in "".join(line.text for line in stack.lines[stack.since :])
        assert stack.api("GET", "clients/").body["results"][0]["phone_number"] == "79261234567"
        assert stack.sql("SELECT count(*) FROM django_session") == [(0,)]


def test_a_killed_supervisor_takes_everything_along(old_home):
    with RunningStack(home=old_home) as stack:
        stack.process.kill()
        stack.process.wait()
        wait_until(lambda: processes_of(old_home) == [], 30)

        stack.start()
        assert stack.api("GET", "clients/").status == 200
    assert runtime_dirs_of(old_home) == []


def make(tmp_path) -> tuple[str, ...]:
    """Run as `make run` does, in an existing virtual environment."""
    makefile = tmp_path / "Makefile"
    makefile.write_text(f"run:\n\t@exec {sys.executable} -m vestnik up --no-demo\n")
    return ("make", "--file", str(makefile), "run")


def to_make_alone(stack: RunningStack) -> None:
    stack.process.send_signal(signal.SIGINT)


def to_the_group(stack: RunningStack) -> None:
    os.killpg(stack.process.pid, signal.SIGINT)


def terminated(stack: RunningStack) -> None:
    stack.process.send_signal(signal.SIGTERM)


@pytest.fixture
def hang_up_by_default() -> Iterator[None]:
    """Let SIGHUP end the processes that a test starts, also if `nohup` runs the tests."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def hung_up(stack: RunningStack) -> None:
    os.killpg(stack.process.pid, signal.SIGHUP)


@pytest.mark.usefixtures("hang_up_by_default")
@pytest.mark.parametrize("how", [to_make_alone, to_the_group, terminated, hung_up])
def test_whoever_hears_the_interrupt_all_of_it_ends(tmp_path, old_home, how):
    stack = RunningStack(home=old_home, command=make(tmp_path), demo=True, workers=1)
    with stack, within(PROMISE):
        how(stack)
        stack.process.wait(SECONDS_TO_STOP)
        wait_until(lambda: processes_of(old_home) == [], SECONDS_TO_STOP)


def test_it_ends_when_nobody_can_read_its_console(old_home):
    stack = RunningStack(home=old_home, workers=1)
    process = subprocess.Popen(
        [sys.executable, "-m", "vestnik", "up"],
        env=stack.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with process:
        process.stdout.read(1)
        process.stdout.close()
        assert process.wait(60) == 0
    assert processes_of(old_home) == []


def test_a_reader_that_has_stopped_reading_does_not_hold_up_the_end(old_home):
    stack = RunningStack(home=old_home, workers=1)
    unread, full = os.pipe()
    os.set_blocking(full, False)
    with contextlib.suppress(BlockingIOError):
        while os.write(full, b"x" * 1024):
            pass
    os.set_blocking(full, True)
    process = subprocess.Popen(
        [sys.executable, "-m", "vestnik", "up"], env=stack.environ, stdout=full, stderr=full
    )
    wait_until(lambda: (old_home / "stack.json").exists() and "web" in stack.state["ready"], 60)
    with within(PROMISE):
        process.terminate()
        assert process.wait(SECONDS_TO_STOP) == 0
    assert processes_of(old_home) == []
    os.close(full)
    os.close(unread)


def test_an_interrupt_while_it_starts_ends_it_as_well(old_home):
    stack = RunningStack(home=old_home)
    stack.spawn()
    wait_until(lambda: (old_home / "stack.json").exists(), 60)
    with within(PROMISE):
        stack.stop()
    assert stack.process.returncode == 0
    assert processes_of(old_home) == []


def test_a_frozen_worker_does_not_hold_up_the_end(old_home):
    with RunningStack(home=old_home, workers=1) as stack:
        stack.kill("worker.1", signal.SIGSTOP)
        with within(PROMISE):
            stack.stop()
    assert processes_of(old_home) == []
