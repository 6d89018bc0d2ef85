"""Starts web and workers by forking a process that has imported everything already.

Each of them imports the same 70 MiB of code. Forked from one process they share it: with two
workers and two web processes the whole stack takes 299 MiB rather than 501.

The supervisor asks by a socket pair: a JSON object with the words of the command and the
environment, and beside it the descriptor for the output. The answer is the new process's id. A
process is forked twice, so that it falls to the supervisor, which is the subreaper: the supervisor
waits for it and signals it as one that it started itself, and it outlives this server.
"""

import contextlib
import gc
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from typing import Any

from vestnik.stack import linux
from vestnik.stack.announce import DESCRIPTOR

#: Names the descriptor of the server's end of the socket pair.
SOCKET = "VESTNIK_FORKSERVER_FD"
LONGEST_REQUEST = 1 << 16
SECONDS_TO_ANSWER = 5.0
SECONDS_TO_BE_ADOPTED = 5.0
Words = Sequence[str]


class ForkClient:
    """The supervisor's side."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.ours.settimeout(SECONDS_TO_ANSWER)

    def fork(self, words: Words, environ: dict[str, str], output: int) -> int:
        """The id of a new process that runs `vestnik WORDS`. Raises OSError where none came."""
        request = {"words": list(words), "environ": environ, "parent": os.getpid()}
        socket.send_fds(self.ours, [json.dumps(request).encode()], [output])
        pid = int(self.ours.recv(64) or b"0")
        if pid <= 0:
            raise ChildProcessError("the fork server could not fork")
        return pid

    def reset(self) -> None:
        """Have a pair of its own for the next server, under the same descriptors: what an earlier
        one left unread, requests among them, goes with the old pair."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs:
            os.dup2(ours.fileno(), self.ours.fileno(), inheritable=False)
            os.dup2(theirs.fileno(), self.theirs.fileno(), inheritable=False)


def serve() -> Words:
    """Fork for each request. Returns in each forked process, with the words of its command.

    Never returns in the server itself, which ends with the supervisor.
    """
    requests = socket.socket(fileno=int(os.environ.pop(SOCKET)))
    load_everything()
    _announce()
    while True:
        message, descriptors, _, _ = socket.recv_fds(requests, LONGEST_REQUEST, 1)
        if not message:
            sys.exit(0)
        if (words := _answer(requests, json.loads(message), descriptors)) is not None:
            return words


def load_everything() -> None:
    """Import what web and workers need, and keep it out of the garbage collector's way."""
    from importlib import import_module

    from django.urls import get_resolver

    from vestnik.stack import waiting

    for name in MODULES:
        import_module(name)
    _ = get_resolver().url_patterns
    waiting.close_connections()
    gc.collect()
    gc.freeze()  # a collection in a forked process would copy the pages that it marks


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
    "vestnik.dispatch.tasks",
    "vestnik.dispatch.worker",
    "vestnik.reports.tasks",
    "vestnik.providers.http.provider",
    "vestnik.providers.smpp.provider",
    "vestnik.providers.smsc",
    "vestnik.providers.console",
    "vestnik.stack.setup",
)


def _announce() -> None:
    """As `announce`, but the descriptor stays open: forked processes announce themselves by it."""
    with contextlib.suppress(KeyError, OSError):
        os.write(int(os.environ[DESCRIPTOR]), b"forkserver\n")


def _answer(requests: socket.socket, request: dict[str, Any], output: list[int]) -> Words | None:
    """Fork twice and tell the supervisor the id. The words, in the new process; else None."""
    reading, writing = os.pipe()
    first = os.fork()
    if first == 0:
        second = os.fork()
        if second:
            os.write(writing, str(second).encode())
            os._exit(0)
        for descriptor in (reading, writing):
            os.close(descriptor)
        requests.close()
        _become(request, output[0])
        return list(request["words"])
    os.close(writing)
    os.waitpid(first, 0)
    pid = os.read(reading, 64)
    for descriptor in (reading, *output):
        os.close(descriptor)
    requests.send(pid or b"0")
    return None


def _become(request: dict[str, Any], output: int) -> None:
    """Be the process that was asked for: its session, its output, its environment."""
    os.setsid()
    for number in (1, 2):
        os.dup2(output, number)
    os.close(output)
    _wait_for_parent(int(request["parent"]))
    linux.die_with_parent()
    os.environ.update(request["environ"])


def _wait_for_parent(parent: int) -> None:
    """The process that forked us ends within a moment, and we fall to the supervisor."""
    deadline = time.monotonic() + SECONDS_TO_BE_ADOPTED
    while os.getppid() != parent:
        if time.monotonic() > deadline:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.001)
