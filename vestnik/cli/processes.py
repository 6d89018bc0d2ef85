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
    """Run `vestnik worker`: a `celery worker` without Celery's command line (20 MiB)."""
    need_secret()
    refuse_mistakes()
    from celery.exceptions import SecurityWarning
    from celery.utils.nodenames import default_nodename, host_format

    from vestnik.celery import app

    # Celery warns of pickled messages under root; our messages are JSON.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    name = process_name(f"worker-{os.getpid()}")
    process = app.Worker(
        hostname=host_format(default_nodename(f"{name}@%h")),
        pool_cls="threads",
        concurrency=env.number("WORKER_CONCURRENCY", 16),
        loglevel="WARNING",
        quiet=True,
        without_gossip=True,
        without_mingle=True,
    )
    process.start()
    return int(process.exitcode or 0)


def beat(_options: argparse.Namespace) -> None:
    """Run `vestnik beat`: the scheduler of a worker in a process of its own."""
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
        if not periodic_jobs.overdue_jobs():
            heartbeat.note_beat(name)
    for thread in threads:
        thread.join()


def _load_tasks() -> None:
    """Register Celery's tasks and the scheduler's jobs, as Celery's worker does."""
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
