"""The commands that run one process of the service."""

import argparse
import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Sequence

from vestnik import env
from vestnik.cli.output import fail
from vestnik.cli.startup import need_secret, refuse_mistakes, start_django
from vestnik.readiness import announce, process_name


def web(_options: argparse.Namespace) -> None:
    """Run `vestnik web`."""
    need_secret()
    refuse_mistakes()
    from gunicorn.app.wsgiapp import run  # type: ignore[import-untyped]  # has no types

    sys.argv = [
        "gunicorn",
        "--config",
        "python:vestnik.stack.gunicorn_conf",
        "vestnik.wsgi:application",
    ]
    run()


def worker(_options: argparse.Namespace) -> int:
    """Run `vestnik worker`: a `celery worker` without Celery's command line, which takes 20 MiB."""
    need_secret()
    refuse_mistakes()
    from celery.exceptions import SecurityWarning
    from celery.utils.nodenames import default_nodename, host_format

    from vestnik.celery import app

    # Celery warns of pickled messages when it runs as root; our messages are JSON.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    name = process_name(f"worker-{os.getpid()}")
    process = app.Worker(
        hostname=host_format(default_nodename(f"{name}@%h")),
        pool_cls="threads",
        concurrency=env.number("WORKER_CONCURRENCY", 16),
        loglevel="WARNING",
        quiet=True,
        # Workers need nothing from each other: PostgreSQL holds the state, Redis the wake-ups.
        without_gossip=True,
        without_mingle=True,
    )
    process.start()
    return int(process.exitcode or 0)


def beat(_options: argparse.Namespace) -> None:
    """Run `vestnik beat`: the periodic jobs of a worker, in a process of their own."""
    need_secret()
    refuse_mistakes()
    from vestnik.db import sessions
    from vestnik.dispatch.runtime import periodic_jobs
    from vestnik.dispatch.signals import heartbeat
    from vestnik.stack import wait_for

    sessions.limit()
    wait_for.for_database()
    _load_tasks()
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    threads = periodic_jobs.start(stopping)
    announce()
    name = f"{process_name(f'beat-{os.getpid()}')}@{socket.gethostname()}"
    heartbeat.note_beat(name)
    while not stopping.wait(periodic_jobs.HEARTBEAT_EVERY):
        # A hanging job stops the heartbeat, so the container's health check restarts the process.
        if not periodic_jobs.overdue_jobs():
            heartbeat.note_beat(name)
    for thread in threads:
        thread.join()


def _load_tasks() -> None:
    """Import the modules that register tasks and periodic jobs, as Celery's worker does."""
    from vestnik.celery import app

    app.loader.import_default_modules()


def serve_forks() -> Sequence[str]:
    """Run the fork server. In each forked process, return the words of its command."""
    start_django()
    from vestnik.stack.processes.forkserver import serve

    return serve()


def healthcheck(options: argparse.Namespace) -> int:
    """Run `vestnik healthcheck`."""
    from vestnik.stack.healthcheck import problem_with

    problem = problem_with(options.kind)
    return fail(problem) if problem else 0
