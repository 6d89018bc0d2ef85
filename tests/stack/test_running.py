"""A running stack: its output, the data that it keeps, the processes that it restarts."""

import os
import signal
import stat
from pathlib import Path

import pytest

from tests.stack.embedded_servers import wait_until
from tests.stack.leftovers import processes_of
from tests.stack.running import RunningStack


@pytest.fixture(scope="module")
def stack():
    with RunningStack(demo=True) as running:
        yield running


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_an_empty_database_gets_an_account_and_a_sample_mailing(stack):
    wait_until(lambda: len(list(stack.sent())) >= 12, 10)
    shown = [line.words for line in stack.lines if "api_key=" in line.text]
    assert shown == [f"    api_key={stack.key}"]
    assert len({sent.phone for sent in stack.sent()}) == 12
    assert stack.api("GET", "mailings/").body["results"][0]["name"] == "Первая рассылка"


def test_what_it_keeps_is_for_its_owner_alone(stack):
    kept = [stack.home / name for name in ("secrets.json", "credentials", "stack.json")]
    assert [mode(path) for path in kept] == [0o600] * 3
    assert mode(stack.home / "postgres") == 0o700
    assert mode(stack.home / "valkey") == 0o700


def test_no_password_stands_on_a_command_line(stack):
    secrets = (stack.home / "secrets.json").read_text().split('"')
    words = " ".join(processes_of(stack.home))
    assert words
    assert not [secret for secret in secrets if len(secret) > 30 and secret in words]


def test_lines_carry_no_colour_where_nobody_looks(stack):
    lines = [line.text for line in stack.lines]
    assert lines
    assert not [line for line in lines if "\x1b[36m" in line]


def test_a_second_start_says_that_the_first_is_running(stack):
    second = stack.vestnik("up")
    assert second.returncode == 1
    assert second.stderr.count("\n") == 1
    assert f"already running at {stack.address} (pid {stack.process.pid})" in second.stderr


def test_commands_in_another_terminal_reach_it(stack):
    made = stack.vestnik("apikey", "create", "--name", "shop", "--role", "viewer")
    key = made.stdout.splitlines()[-1]
    answer = stack.api("GET", "clients/", Authorization=f"Bearer {key}")
    counted = stack.vestnik(
        "manage",
        "shell",
        "-c",
        "from vestnik.audience.models import *; print(Client.objects.count())",
    )
    assert answer.status == 200
    assert counted.stdout.splitlines()[-1] == "12"


def test_a_killed_worker_is_started_again_at_once(stack):
    killed = stack.kill("worker.1")
    stack.wait_for_line("worker.1 ended (killed by SIGKILL); again in 0.1 s", 10)
    stack.wait_reborn("worker.1", killed)
    wait_until(lambda: ready(stack, "worker.1"), 20)


def ready(stack: RunningStack, name: str) -> bool:
    return name in stack.state["ready"]


def test_the_web_leaves_no_orphan_when_its_master_is_killed(stack):
    children = Path(f"/proc/{stack.pids['web']}/task/{stack.pids['web']}/children")
    served_by = [int(pid) for pid in children.read_text().split()]
    killed = stack.kill("web")
    stack.wait_reborn("web", killed)
    assert served_by
    assert not any(map(alive, served_by))
    wait_until(lambda: ready(stack, "web"), 20)
    assert stack.api("GET", "clients/").status == 200


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_postgres_comes_back_and_the_others_find_it(stack, number):
    killed = stack.kill("postgres", number)
    stack.wait_reborn("postgres", killed)
    wait_until(lambda: stack.api("GET", "clients/").status == 200, 60)
    assert stack.sql("SELECT count(*) FROM audience_client") == [(12,)]
    assert send_to_everyone(stack) == 12


def test_valkey_comes_back_and_the_workers_find_it(stack):
    killed = stack.kill("valkey")
    stack.wait_reborn("valkey", killed)
    assert send_to_everyone(stack) == 12


def send_to_everyone(stack: RunningStack) -> int:
    """Send a mailing that is due now; return how many messages arrived."""
    body = {
        "name": "ещё одна",
        "text": "Здравствуйте!",
        "filter": {},
        "starts_at": "2026-01-01T00:00:00Z",
        "ends_at": "2030-01-01T00:00:00Z",
    }
    answer = stack.api("POST", "mailings/", body)
    assert answer.status == 201, answer.body
    mailing = answer.body["id"]
    wait_until(lambda: len(list(stack.sent(mailing))) >= 12, 40)
    return len(list(stack.sent(mailing)))


def test_the_servers_processes_are_not_roots(stack):
    assert Path(f"/proc/{stack.pids['postgres']}").stat().st_uid != 0
    if os.geteuid() != 0:
        pytest.skip("nobody is root here")
