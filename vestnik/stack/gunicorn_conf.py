"""gunicorn's configuration: threads in a few processes, forked after the code was loaded.

`vestnik web` passes this module to gunicorn, which reads the names that it knows.
"""

import os
from typing import Any

from vestnik import env
from vestnik.middleware.concurrency_limit import REQUESTS
from vestnik.readiness import announce
from vestnik.stack.processes import linux

bind = f"{env.bracketed(env.text('WEB_HOST', '127.0.0.1'))}:{env.number('VESTNIK_PORT', 8000)}"
workers = env.number("WEB_CONCURRENCY", 2)
worker_class = "gthread"
# Threads are created on demand; those of live streams only wait. Other requests are limited by
# `vestnik.middleware.concurrency_limit` to what the database connections of a process can serve.
threads = REQUESTS + env.number("WEB_STREAMS", 250)
preload_app = True
accesslog = None
loglevel = "warning"
# Seconds for running requests to finish.
graceful_timeout = 4
# gunicorn's heartbeat file in memory: a busy disk must not make a worker look dead. gunicorn
# creates the file with a safe name.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108  (see above)
control_socket_disable = True


def on_starting(_server: Any) -> None:
    """Wait for the database, and leave no connection open for workers to share."""
    from vestnik.stack import wait_for

    wait_for.for_database()
    wait_for.close_connections()


def post_fork(_server: Any, _worker: Any) -> None:
    """End a worker with its killed master."""
    linux.die_with_parent()


def post_worker_init(worker: Any) -> None:
    """Report the worker as ready, and end its streams when it ends."""
    from vestnik.dashboard.live import stream

    stream.set_ending_check(lambda: not worker.alive)
    announce()
