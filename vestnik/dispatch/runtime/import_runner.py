"""Reads uploaded files that wait, one at a time, each in a process of its own (decision 0114).

A million rows take half a minute of one core. In the worker's process this would slow down every
message meanwhile, and a file that exhausts the reader's memory would end the worker.
"""

import subprocess
import sys

import structlog
from django.db import transaction

from vestnik.audience.importing.stored import WAITING, end_abandoned
from vestnik.db import sql
from vestnik.db.advisory_lock import advisory_lock
from vestnik.db.lock_ids import IMPORT_LOCK, IMPORT_TURN_LOCK
from vestnik.dispatch.signals import wakeups

log = structlog.get_logger(__name__)

TASK = "vestnik.import_file"
#: In seconds: how often the child is checked, and for how long its import may have no reader. An
#: import has none if its process has not begun, or was frozen and lost its database session; such a
#: process is killed.
CHECK_EVERY, LONGEST_UNREAD = 2.0, 60.0
# Whether a session holds the advisory lock, without trying to take it: a failed attempt of this
# check would keep a worker from its turn. `objsubid = 1` marks a lock with one 64-bit key.
TURN_TAKEN = """
SELECT EXISTS (
    SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.granted
        AND l.classid = 0 AND l.objid = %s AND l.objsubid = 1
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
)
"""


def enqueue(import_id: int) -> None:
    """Publish the wake-up for a file once the current transaction is committed."""
    transaction.on_commit(lambda: wakeups.publish(TASK, import_id))


def wake_for_waiting() -> None:
    """Publish a wake-up for the next file unless one is being read.

    Run periodically, so a lost wake-up is repeated. Imports whose command was stopped are marked as
    failed first.
    """
    end_abandoned()
    for import_id in waiting_imports()[:1]:
        if not sql.value(TURN_TAKEN, [IMPORT_TURN_LOCK]):
            wakeups.publish(TASK, import_id)


def waiting_imports() -> list[int]:
    """Return the imports that wait to be read, and those whose reader was killed."""
    return [import_id for (import_id,) in sql.rows(WAITING, [IMPORT_LOCK])]


def run_import(import_id: int) -> None:
    """Read the file in a child process, unless another file is being read: then it waits."""
    with advisory_lock(IMPORT_TURN_LOCK) as ours:
        if ours and import_id in waiting_imports():
            command = [sys.executable, "-m", "vestnik", "import", "--stored", str(import_id)]
            with subprocess.Popen(command, stdin=subprocess.DEVNULL) as child:
                supervise(child, import_id)


def supervise(child: "subprocess.Popen[bytes]", import_id: int) -> None:
    """Wait until the child ends; kill it if its import has no reader for LONGEST_UNREAD seconds.

    Each check is a statement, which keeps this session from its idle timeout and so keeps the lock.
    """
    unread = 0.0
    while True:
        try:
            child.wait(CHECK_EVERY)
        except subprocess.TimeoutExpired:
            unread = unread + CHECK_EVERY if import_id in waiting_imports() else 0.0
            if unread > LONGEST_UNREAD:
                log.error("import process does not read: killed", import_id=import_id)
                child.kill()
        else:
            return
