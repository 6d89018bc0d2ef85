"""A supervisor that runs out of descriptors, and adopted processes that it did not start."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.stack.accounts import AS_NOBODY
from tests.stack.embedded_servers import wait_until
from tests.stack.leftovers import children_of
from tests.stack.mailing import make_mailing
from tests.stack.running import RunningStack
from vestnik.stack.home import Home
from vestnik.stack.processes.linux import has_lost_make
from vestnik.stack.runtime_dir import RuntimeDir
from vestnik.stack.servers.postgres import Postgres

SECONDS_WITHOUT = 20.0
NAMES = {"nofile": "Max open files", "nproc": "Max processes"}
WHOLE = {"postgres", "valkey", "forkserver", "web", "worker.1"}


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may raise the limit again")
def test_a_passing_shortage_of_files_or_processes_ends_nothing(home, used_home, as_nobody):
    """Two stacks at once, since the shortage has to last. Root ignores the limit of processes."""
    other = home.with_name("other")
    subprocess.run(["cp", "-a", used_home, other], check=True)
    with (
        RunningStack(home=other, workers=1) as without_files,
        RunningStack(home=home, workers=1, **as_nobody) as without_processes,
    ):
        supervisor, starved = without_files.process.pid, without_processes.process.pid
        forks = without_processes.pids["forkserver"]
        taken = len(os.listdir(f"/proc/{supervisor}/fd"))
        with (
            limited(supervisor, "nofile", taken - 1),
            limited(forks, "nproc", 1, by=AS_NOBODY[:4]),
        ):
            with limited(starved, "nproc", 1, by=AS_NOBODY[:4]):
                killed = {
                    (stack, name): stack.kill(name)
                    for stack in (without_files, without_processes)
                    for name in ("worker.1", "valkey")
                }
                for stack, name in killed:
                    stack.wait_for_line(f"{name} cannot be started", 10)
                time.sleep(SECONDS_WITHOUT)  # the shortage itself
                for stack in (without_files, without_processes):
                    assert stack.process.poll() is None
                    assert stack.api("GET", "clients/").status == 200
            # The fork server has none yet.
            is_reborn(without_processes, "worker.1", killed[without_processes, "worker.1"])
        for (stack, name), pid in killed.items():
            is_reborn(stack, name, pid)
        for stack in (without_files, without_processes):
            is_whole(stack)


@contextmanager
def limited(pid: int, option: str, most: int, *, by: tuple[str, ...] = ()) -> Iterator[None]:
    """Limit a resource of a process during the block."""
    limits = Path(f"/proc/{pid}/limits").read_text()
    (before,) = re.findall(rf"{NAMES[option]} +(\d+|unlimited) ", limits)
    command = [*by, "prlimit", f"--pid={pid}"]
    subprocess.run([*command, f"--{option}={most}:"], check=True)
    try:
        yield
    finally:
        # The process may have been replaced meanwhile.
        subprocess.run([*command, f"--{option}={before}:"], stderr=subprocess.DEVNULL)


def is_reborn(stack: RunningStack, name: str, killed: int) -> None:
    stack.wait_reborn(name, killed, 30)
    wait_until(lambda: name in stack.state["ready"], 30)


def is_whole(stack: RunningStack) -> None:
    """Assert that all processes run, and no others, and that a mailing arrives once."""
    wait_until(lambda: set(stack.state["ready"]) == set(stack.pids) == WHOLE, 30)
    wait_until(lambda: children_of(stack.process.pid) == set(stack.pids.values()), 10)
    stack.api("POST", "clients/", {"phone_number": "79261234567"})
    mailing = make_mailing(stack)
    wait_until(lambda: len(list(stack.sent(mailing))) == 1, 30)
    assert "Traceback" not in stack.errors
    assert "Traceback" not in "\n".join(line.text for line in stack.lines)


def test_what_it_did_not_start_it_does_not_kill(old_home):
    script = (
        f"sleep 300 & echo $! > {old_home}/bystander; exec {sys.executable} -m vestnik up --no-demo"
    )
    with RunningStack(home=old_home, workers=1, command=("sh", "-c", script)) as stack:
        bystander = int((old_home / "bystander").read_text())
        killed = stack.kill("web")
        stack.wait_reborn("web", killed)
        wait_until(lambda: "web" in stack.state["ready"], 30)
        assert alive(bystander)
        stack.stop()
        assert alive(bystander)
        subprocess.run(["kill", str(bystander)], check=True)


def test_a_make_that_cannot_be_looked_at_is_not_gone():
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert has_lost_make(gone.pid)
    assert not has_lost_make(os.getpid())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("FATAL:  could not map anonymous shared memory: Cannot allocate memory", "more memory"),
        ("FATAL:  could not resize shared memory: No space left on device", "more memory"),
        ("FATAL:  could not write lock file: No space left on device", "is full"),
        ("FATAL:  could not open file: Too many open files", "ulimit -n"),
        ("LOG:  could not fork process: Resource temporarily unavailable", "ulimit -u"),
        ('FATAL:  data directory "x" has wrong ownership', "account that the stack ran as"),
        ("PANIC:  could not locate a valid checkpoint record", "from a backup"),
    ],
)
def test_a_remedy_is_for_the_fault_that_it_is_given_for(tmp_path, line, said):
    postgres = Postgres(Home(tmp_path), RuntimeDir(tmp_path, -1), {})
    told = str(postgres.trouble([line]))
    postgres.runtime_dir.remove()
    assert said in told
    assert ("move" in told) == (said == "from a backup")


@pytest.mark.parametrize("name", ["x" * 101, "", "  ", "a\nb", "a\0b"])
def test_a_key_has_a_name_that_can_be_shown(name, capsys):
    from vestnik.cli import main

    with pytest.raises(SystemExit) as refused:
        main(["apikey", "create", "--role", "viewer", "--name", name])
    assert refused.value.code == 2
    assert "printable characters" in capsys.readouterr().err


def test_a_key_that_cannot_be_shown_is_not_made(old_home):
    with RunningStack(home=old_home, workers=1) as stack:
        words = ["apikey", "create", "--role", "viewer", "--name", "nobody"]
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [sys.executable, "-m", "vestnik", *words],
                env=stack.environ, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60,
            )  # fmt: skip
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert stack.sql("SELECT count(*) FROM access_apikey WHERE name = 'nobody'") == [(0,)]

        stack.sql(
            "INSERT INTO django_migrations (app, name, applied)"
            " VALUES ('dispatch', '9999_x', now())"
        )
        refused = stack.vestnik("setup")
        assert refused.returncode == 1
        assert "migrated by a newer Vestnik (dispatch.9999_x)" in refused.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root lowers itself")
def test_a_link_in_the_servers_folder_is_not_written_through(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    home = Home(tmp_path / "home")
    home.path.mkdir()
    private_dir = RuntimeDir(home.path, 65534)
    for folder in (private_dir.sockets, private_dir.path):
        (folder / "password").symlink_to(victim)
    try:
        with pytest.raises(Exception, match="cannot use"):
            Postgres(home, private_dir, {"database_owner": "secret"}).prepare()
        assert victim.read_text() == "precious"
    finally:
        private_dir.remove()
