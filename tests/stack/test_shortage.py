"""A supervisor that runs out of descriptors, and processes beside it that are none of its own."""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.stack.running import RunningStack
from tests.stack.servers import wait_until
from vestnik.stack.home import Home
from vestnik.stack.linux import forsaken_by_make
from vestnik.stack.postgres import Postgres
from vestnik.stack.reach import Den

SECONDS_WITHOUT = 20.0


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may raise the limit again")
def test_a_passing_shortage_of_descriptors_ends_nothing(old_home):
    with RunningStack(home=old_home, workers=1) as stack:
        supervisor = stack.process.pid
        limits = resource.prlimit(supervisor, resource.RLIMIT_NOFILE)
        taken = len(os.listdir(f"/proc/{supervisor}/fd"))
        resource.prlimit(supervisor, resource.RLIMIT_NOFILE, (taken - 1, limits[1]))
        killed = stack.kill("worker.1")
        stack.wait_for_line("worker.1 cannot be started", 10)
        time.sleep(SECONDS_WITHOUT)  # the shortage itself
        assert stack.process.poll() is None
        assert stack.api("GET", "clients/").status == 200

        resource.prlimit(supervisor, resource.RLIMIT_NOFILE, limits)
        stack.wait_reborn("worker.1", killed, 30)
        wait_until(lambda: "worker.1" in stack.state["ready"], 30)
        assert "Traceback" not in stack.errors


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
    assert forsaken_by_make(gone.pid)
    assert not forsaken_by_make(os.getpid())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("FATAL:  could not map anonymous shared memory: Cannot allocate memory", "more memory"),
        ("FATAL:  could not resize shared memory: No space left on device", "more memory"),
        ("FATAL:  could not write lock file: No space left on device", "is full"),
        ("FATAL:  could not open file: Too many open files", "ulimit -n"),
        ("LOG:  could not fork process: Resource temporarily unavailable", "ulimit -u"),
        ('FATAL:  data directory "x" has wrong ownership', "account that the stack ran as"),
        ("PANIC:  could not locate a valid checkpoint record", "back from a copy"),
    ],
)
def test_a_remedy_is_for_the_fault_that_it_is_given_for(tmp_path, line, said):
    postgres = Postgres(Home(tmp_path), Den(tmp_path, -1), {})
    told = str(postgres.trouble([line]))
    postgres.den.remove()
    assert said in told
    assert ("move" in told) == (said == "back from a copy")


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
    den = Den(home.path, 65534)
    for folder in (den.sockets, den.path):
        (folder / "password").symlink_to(victim)
    try:
        with pytest.raises(Exception, match="cannot use"):
            Postgres(home, den, {"database_owner": "secret"}).prepare()
        assert victim.read_text() == "precious"
    finally:
        den.remove()
