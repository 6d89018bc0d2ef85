"""Freezes processes that hold a lock of the database."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psycopg

from tests.stack.embedded_servers import wait_until
from tests.stack.running import RunningStack
from vestnik.db.lock_ids import ENLISTING_LOCK, SCHEDULER_LOCK

#: Sessions name their process in `application_name`.
WAITING = """
SELECT split_part(application_name, ' ', -1)::int FROM pg_stat_activity
WHERE wait_event_type = 'Lock' AND application_name LIKE 'vestnik %%'
    AND pid = ANY(SELECT pid FROM pg_locks WHERE {which})
"""
AT_CLIENTS = f"locktype = 'advisory' AND objid = {ENLISTING_LOCK} AND NOT granted"
IN_A_CHUNK = f"{AT_CLIENTS} AND mode = 'ShareLock'"
IN_A_REQUEST = (
    "locktype = 'relation' AND relation = 'audience_stoplistentry'::regclass AND NOT granted"
)
IN_TICK = f"locktype = 'advisory' AND objid = {SCHEDULER_LOCK} AND granted"
TAKE_CLIENTS = f"SELECT pg_advisory_xact_lock({ENLISTING_LOCK})"
TAKE_STOP_LIST = "LOCK TABLE audience_stoplistentry IN SHARE MODE"
TAKE_MAILINGS = "LOCK TABLE mailings_mailing IN ACCESS EXCLUSIVE MODE"


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Stop a process (SIGSTOP) during the block."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@contextmanager
def held(stack: RunningStack, statement: str) -> Iterator[None]:
    """Hold a lock during the block."""
    with psycopg.connect(stack.database_url) as connection:
        connection.execute(statement)
        yield
        connection.rollback()


def waiting(stack: RunningStack, which: str) -> int:
    """Return the process that waits for a lock. Raises TimeoutError without one."""
    found: list[tuple[int]] = []

    def waits() -> bool:
        found[:] = stack.sql(WAITING.format(which=which))
        return bool(found)

    wait_until(waits, 30)
    return found[0][0]


@contextmanager
def frozen_in_a_chunk(stack: RunningStack) -> Iterator[int]:
    """Freeze the next process that enlists, in the middle of its chunk; yield its id."""
    with held(stack, TAKE_CLIENTS):
        pid = waiting(stack, IN_A_CHUNK)
        os.kill(pid, signal.SIGSTOP)
    with stopped(pid):
        yield pid


@contextmanager
def frozen_in_a_tick(stack: RunningStack) -> Iterator[int]:
    """Freeze the next process that runs the scheduler, in the middle of its run; yield its id."""
    with held(stack, TAKE_MAILINGS):
        pid = waiting(stack, IN_TICK)
        os.kill(pid, signal.SIGSTOP)
    with stopped(pid):
        yield pid


@contextmanager
def frozen_in_a_request(stack: RunningStack, ask: Callable[[], object]) -> Iterator[int]:
    """Freeze a web process during a request that writes to the stop list; yield its id."""
    with held(stack, TAKE_STOP_LIST):
        threading.Thread(target=ask, daemon=True).start()
        pid = waiting(stack, IN_A_REQUEST)
        os.kill(pid, signal.SIGSTOP)
    with stopped(pid):
        yield pid
