"""Starts web and workers by forking a process that has imported the code.

Each of them imports the same 70 MiB of code. Forked from one process they share it: with two
workers and two web processes the whole stack takes 299 MiB instead of 501.

The supervisor sends requests by a socket pair: a JSON object with the words of the command and the
environment, and two descriptors: one for the output, and one by which the supervisor confirms that
it knows the new process. The response is that process's id.

A process is forked twice, so that it becomes a child of the supervisor, which is the subreaper: the
supervisor waits for it and signals it like any child, and the process outlives this server. A
process without a confirmation ends: the supervisor has given the request up and started the program
itself.
"""

import contextlib
import gc
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from vestnik.readiness import DESCRIPTOR
from vestnik.stack.processes import linux

#: Names the descriptor of the server's end of the socket pair.
SOCKET = "VESTNIK_FORKSERVER_FD"
#: Bytes of a request.
LONGEST_REQUEST = 1 << 16
#: Seconds that the supervisor waits for a response before it starts the program itself.
SECONDS_TO_ANSWER = 5.0
#: Seconds that a forked process waits until the supervisor is its parent.
SECONDS_TO_BE_ADOPTED = 5.0
Words = Sequence[str]
Pipe = tuple[int, int]


class ForkClient:
    """The supervisor's side of the fork server."""

    def __init__(self) -> None:
        self.ours, self.theirs = _pair()

    def fork(self, words: Words, environ: dict[str, str], output: int, pipe: Pipe) -> int:
        """Return the id of a new process that runs `vestnik WORDS`. Raises OSError."""
        request = {"words": list(words), "environ": environ, "parent": os.getpid()}
        confirmed, confirming = pipe
        socket.send_fds(self.ours, [json.dumps(request).encode()], [output, confirmed])
        pid = int(self.ours.recv(64) or b"0")
        if pid <= 0:
            raise ChildProcessError("the fork server could not fork")
        os.write(confirming, b"+")
        return pid

    def reset(self) -> None:
        """Drop unread requests and late responses of an earlier server.

        The descriptors keep their numbers, which the environment of the next server contains.
        """
        for old, new in zip((self.ours, self.theirs), _pair(), strict=True):
            with new:
                os.dup2(new.fileno(), old.fileno(), inheritable=False)


@contextlib.contextmanager
def confirmation() -> Iterator[Pipe]:
    """Yield the pipe for one request. Raises OSError if no descriptor is left."""
    pipe = os.pipe()
    try:
        yield pipe
    finally:
        for descriptor in pipe:
            os.close(descriptor)


def _pair() -> tuple[socket.socket, socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(SECONDS_TO_ANSWER)
    return ours, theirs


def serve() -> Words:
    """Fork for each request. In each forked process, return the words of its command.

    Never returns in the server itself, which ends with the supervisor.
    """
    requests = socket.socket(fileno=int(os.environ.pop(SOCKET)))
    load_everything()
    _announce()
    while True:
        message, descriptors, _, _ = socket.recv_fds(requests, LONGEST_REQUEST, 2)
        if not message:
            sys.exit(0)
        if (words := _answer(requests, json.loads(message), descriptors)) is not None:
            return words


def load_everything() -> None:
    """Import the modules of web and workers, and freeze them for the garbage collector."""
    from importlib import import_module

    from django.urls import get_resolver

    from vestnik.stack import wait_for

    for name in MODULES:
        import_module(name)
    _ = get_resolver().url_patterns
    wait_for.close_connections()
    gc.collect()
    gc.freeze()  # otherwise a collection in a forked process would copy the pages that it marks


#: What web and workers import later, on their own: each module here is shared memory.
MODULES = (
    "billiard.pool",
    "celery.app.amqp",
    "celery.app.control",
    "celery.apps.worker",
    "celery.backends.base",
    "celery.concurrency.thread",
    "celery.worker.components",
    "celery.worker.consumer",
    "celery.worker.strategy",
    "django.core.management.commands.migrate",
    "gunicorn.app.wsgiapp",
    "gunicorn.arbiter",
    "gunicorn.workers.gthread",
    "kombu.pidbox",
    "kombu.transport.redis",
    "aiohttp",
    "uvloop",
    "vestnik.wsgi",
    "vestnik.dispatch.runtime.tasks",
    "vestnik.dispatch.runtime.worker_process",
    "vestnik.reports.tasks",
    "vestnik.providers.http.provider",
    "vestnik.providers.smpp.provider",
    "vestnik.providers.smsc",
    "vestnik.providers.console",
    "vestnik.stack.setup",
)


def _announce() -> None:
    """Announce readiness, and keep the descriptor open for the forked processes."""
    with contextlib.suppress(KeyError, OSError):
        os.write(int(os.environ[DESCRIPTOR]), b"forkserver\n")


def _answer(requests: socket.socket, request: dict[str, Any], given: list[int]) -> Words | None:
    """Fork twice and send the new process's id. Return the words in the new process, None here."""
    reading, writing = os.pipe()
    if _fork_twice(writing):
        for descriptor in (reading, writing):
            os.close(descriptor)
        requests.close()
        _become(request, *given)
        return list(request["words"])
    os.close(writing)
    pid = os.read(reading, 64)
    for descriptor in (reading, *given):
        os.close(descriptor)
    requests.send(pid or b"0")
    return None


def _fork_twice(writing: int) -> bool:
    """Fork twice; return True in the new process, whose id the intermediate one has written.

    If no process can be created, no id is written.
    """
    try:
        first = os.fork()
    except OSError:
        return False
    if first:
        os.waitpid(first, 0)
        return False
    try:
        second = os.fork()
    except OSError:
        os._exit(1)
    if second:
        os.write(writing, str(second).encode())
        os._exit(0)
    return True


def _become(request: dict[str, Any], output: int, confirmed: int) -> None:
    """Set up the session, output and environment of the requested process."""
    os.setsid()
    for number in (1, 2):
        os.dup2(output, number)
    os.close(output)
    _wait_for_parent(int(request["parent"]))
    linux.die_with_parent()
    if not os.read(confirmed, 1):
        os._exit(0)
    os.close(confirmed)
    os.environ.update(request["environ"])


def _wait_for_parent(parent: int) -> None:
    """Wait until the intermediate process has ended and the supervisor is the parent."""
    deadline = time.monotonic() + SECONDS_TO_BE_ADOPTED
    while os.getppid() != parent:
        if time.monotonic() > deadline:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.001)
