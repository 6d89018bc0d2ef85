"""Reading the files that wait, one at a time, each in a process of its own.

Reading a million rows takes half a minute of one core: in a worker's own process it would slow
down every message meanwhile, and a file that bursts its reader would take the worker with it.
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
#: How often the child is looked at, and for how long its import may have no reader: it has not
#: begun, or it was frozen and has lost its session. Then it is ended.
CHECK_EVERY, LONGEST_UNREAD = 2.0, 60.0
TURN_TAKEN = """
SELECT EXISTS (
    SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.granted
        AND l.classid = 0 AND l.objid = %s AND l.objsubid = 1
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
)
"""


def enqueue(import_id: int) -> None:
    """Once the transaction is committed: have a worker read the file."""
    transaction.on_commit(lambda: wakeups.publish(TASK, import_id))


def wake_for_waiting() -> None:
    """Publish a wake-up for the next file unless one is being read: a lost one is repeated.

    Those that a command was reading, and was stopped, are said to have ended.
    """
    end_abandoned()
    for import_id in waiting_imports()[:1]:
        if not sql.value(TURN_TAKEN, [IMPORT_TURN_LOCK]):
            wakeups.publish(TASK, import_id)


def waiting_imports() -> list[int]:
    """The files that wait to be read, and those whose reader was killed."""
    return [import_id for (import_id,) in sql.rows(WAITING, [IMPORT_LOCK])]


def run_import(import_id: int) -> None:
    """Read the file, unless this or another is being read: it then waits for its turn."""
    with advisory_lock(IMPORT_TURN_LOCK) as ours:
        if ours and import_id in waiting_imports():
            command = [sys.executable, "-m", "vestnik", "import", "--stored", str(import_id)]
            with subprocess.Popen(command, stdin=subprocess.DEVNULL) as child:
                _supervise(child, import_id)


def _supervise(child: "subprocess.Popen[bytes]", import_id: int) -> None:
    """Until it ends. Each look tells the database that we are there, which keeps our turn."""
    unread = 0.0
    while True:
        try:
            child.wait(CHECK_EVERY)
        except subprocess.TimeoutExpired:
            unread = unread + CHECK_EVERY if import_id in waiting_imports() else 0.0
            if unread > LONGEST_UNREAD:
                log.error("a reader that does not read is ended", import_id=import_id)
                child.kill()
        else:
            return
