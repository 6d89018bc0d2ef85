"""One measured run of each shape on the same stack: the pipeline, the usual design, COPY."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from bench.ceiling import copy_rows
from tests.pipeline.mailings import create, wait_ended
from tests.stack.embedded_servers import wait_until
from tests.stack.running import RunningStack

TOOK = """
SELECT extract(epoch FROM finished_at - started_at)::float8 FROM mailings_mailing WHERE id = %s
"""
CLEAR = "TRUNCATE dispatch_message, dispatch_batch, dispatch_enlistment, mailings_mailing CASCADE"
DONE = "SELECT count(*) FROM dispatch_message WHERE mailing_id = %s"


def clear(stack: RunningStack) -> None:
    """Empty the tables before a run; the scheduler may be using them."""
    while True:
        try:
            stack.sql(CLEAR)
            return
        except psycopg.errors.DeadlockDetected:
            time.sleep(0.1)


def pipeline(stack: RunningStack, count: int, **mailing: Any) -> float:
    """Return the seconds from the launch of a mailing to all clients until it is closed."""
    created = create(stack, ends_in=3600, **{"provider": "null", **mailing})
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        # By a query, not by the API: ten API requests a second took a tenth of a core.
        while (took := connection.execute(TOOK, (created,)).fetchone()) in (None, (None,)):
            time.sleep(0.2)
    found = wait_ended(stack, created, seconds=10)
    assert found["progress"]["sent"] == count, found
    assert took is not None
    return float(took[0])


def usual(stack: RunningStack, count: int, *, workers: int = 2, url: str = "") -> float:
    """Return the seconds from the first task to the last row, with worker processes that are
    ready."""
    environ = stack.environ | stack.state["environ"]
    mailing = create(stack, starts_in=1800, ends_in=3600)
    enqueue = f"import bench.usual as u; u.enqueue({mailing}, 'Hi', {count}, '{url}')"
    with usual_workers(environ, workers):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", enqueue], env=environ, check=True)
        wait_until(lambda: stack.sql(DONE, (mailing,))[0][0] >= count, seconds=600)
        return time.perf_counter() - began


@contextmanager
def usual_workers(environ: dict[str, str], count: int) -> Iterator[None]:
    """Run worker processes of the usual design."""
    command = [sys.executable, "-m", "celery", "-A", "bench.usual", "worker", "-c", "1"]
    quiet = ["--without-gossip", "--without-mingle", "-l", "INFO"]
    workers = [
        subprocess.Popen(
            [*command, *quiet, "-n", f"usual{n}@%h"],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for n in range(count)
    ]
    try:
        for worker in workers:
            assert worker.stdout is not None
            while "ready" not in (line := worker.stdout.readline()):
                assert line, "a worker of the usual design did not start"
        drains = [
            subprocess.Popen(["cat"], stdin=w.stdout, stdout=subprocess.DEVNULL) for w in workers
        ]
        yield
    finally:
        for worker in workers:
            worker.terminate()
        for process in [*workers, *drains]:
            process.wait(30)


def copied(stack: RunningStack, count: int) -> float:
    """Return the seconds of bare COPY of the same number of rows."""
    mailing = create(stack, starts_in=1800, ends_in=3600)
    return copy_rows(stack.database_url, mailing, count)
