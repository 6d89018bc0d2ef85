"""Web and workers are forked from one process that has imported everything."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stack.embedded_servers import wait_until
from tests.stack.leftovers import children_of
from tests.stack.memory import MIB, of_process
from tests.stack.running import RunningStack
from vestnik.stack.processes import linux
from vestnik.stack.processes.forkserver import SOCKET, ForkClient, confirmation


@pytest.fixture(scope="module")
def stack(used_home):
    with RunningStack(home=used_home) as running:
        yield running


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def is_ready(stack: RunningStack, name: str) -> bool:
    return name in stack.state["ready"]


def test_workers_share_their_code_and_belong_to_the_supervisor(stack):
    for name in ("web", "worker.1", "worker.2"):
        pid = stack.pids[name]
        assert command_of(pid).endswith("forkserver ")
        assert parent_of(pid) == stack.process.pid
        assert of_process(pid) < 75 * MIB  # 87 MiB if each imports by itself


def test_no_process_is_there_for_the_scheduler_alone(stack):
    assert set(stack.pids) == {"postgres", "valkey", "forkserver", "web", "worker.1", "worker.2"}


def test_a_killed_fork_server_takes_nobody_along(stack):
    others = {name: pid for name, pid in stack.pids.items() if name != "forkserver"}
    killed = stack.kill("forkserver")
    stack.wait_reborn("forkserver", killed)
    wait_until(lambda: is_ready(stack, "forkserver"), 30)
    assert {name: stack.pids[name] for name in others} == others

    worker = stack.kill("worker.1")
    stack.wait_reborn("worker.1", worker)
    wait_until(lambda: is_ready(stack, "worker.1"), 30)
    assert command_of(stack.pids["worker.1"]).endswith("forkserver ")


def test_a_frozen_fork_server_does_not_keep_a_worker_from_its_next_life(stack):
    frozen = stack.kill("forkserver", signal.SIGSTOP)
    worker = stack.kill("worker.2")
    stack.wait_reborn("worker.2", worker, 30)
    wait_until(lambda: is_ready(stack, "worker.2"), 30)
    assert command_of(stack.pids["worker.2"]).endswith("vestnik worker ")
    stack.wait_reborn("forkserver", frozen, 30)
    wait_until(lambda: is_ready(stack, "forkserver"), 30)
    # The next server handles no request to the frozen one.
    worker = stack.kill("worker.1")
    stack.wait_reborn("worker.1", worker, 30)
    wait_until(lambda: is_ready(stack, "worker.1"), 30)
    assert command_of(stack.pids["worker.1"]).endswith("forkserver ")
    assert children_of(stack.process.pid) == set(stack.pids.values())


def test_a_process_that_nobody_waits_for_any_more_ends(tmp_path):
    """The supervisor gives the request up after the server has forked for it."""
    output = (tmp_path / "output").open("wb")
    linux.adopt_orphans()
    client = ForkClient()
    environ = os.environ | {SOCKET: str(client.theirs.fileno())}
    server = subprocess.Popen(
        [sys.executable, "-m", "vestnik", "forkserver"],
        env=environ,
        pass_fds=[client.theirs.fileno()],
    )
    client.ours.settimeout(60)
    try:
        with confirmation() as pipe:
            known = client.fork(["healthcheck", "beat"], {}, output.fileno(), pipe)
        assert os.waitstatus_to_exitcode(os.waitpid(known, 0)[1]) == 1
        assert b"no heartbeat of a beat process" in (tmp_path / "output").read_bytes()

        confirmed, confirming = os.pipe()
        request = {"words": ["healthcheck", "beat"], "environ": {}, "parent": os.getpid()}
        socket.send_fds(client.ours, [json.dumps(request).encode()], [output.fileno(), confirmed])
        unconfirmed = int(client.ours.recv(64))
        os.close(confirmed)
        os.close(confirming)
        assert os.waitpid(unconfirmed, 0)[1] == 0
        assert (tmp_path / "output").read_bytes().count(b"no heartbeat of a beat process") == 1
    finally:
        server.kill()
        server.wait()
        linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 0)
        output.close()
        client.ours.close()
        client.theirs.close()
